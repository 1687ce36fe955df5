/* What bench/mcu/translate.mjs writes of the module that wasm2c has translated. */
#ifndef WASM2C_MODULE_H
#define WASM2C_MODULE_H

#include "wasm-rt.h"

/*
 * An export: arguments lie in 32-bit cells, and the result in the first, as WAMR has them. A letter for each: i is an i32, f an f32.
 */
struct wasm2c_function {
    const char *name, *parameters, *results;
    void (*call)(void *instance, uint32_t *cells);
};

extern const struct wasm2c_function wasm2c_functions[];
extern const size_t wasm2c_function_count;
extern const size_t wasm2c_instance_bytes;
extern const uint32_t wasm2c_heap_base; /* end of the module's static data */

void wasm2c_instantiate(void *instance);
wasm_rt_memory_t *wasm2c_memory(void *instance);

#endif
