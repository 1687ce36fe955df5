/* What differs between WAMR and translated code when a program starts (wamr/load.c, wasm2c/load.c). */
#ifndef MCU_ENGINE_H
#define MCU_ENGINE_H

#include <stdint.h>

#include "wasm_export.h"

/* Starts the runtime, which allocates by malloc, and loads the module from flash; NULL, and why, if that is not possible. */
wasm_module_t engine_load(const uint8_t *wasm, uint32_t bytes, char *error, uint32_t error_size);

#endif
