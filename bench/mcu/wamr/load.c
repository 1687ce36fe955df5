/*
 * engine.h for WAMR. The fast interpreter translates the module to code of its own and leaves the file alone, so the file
 * may lie in flash. The classic one runs the file's code in place and writes to it: it gets a copy in RAM.
 */
#include "engine.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

wasm_module_t engine_load(const uint8_t *wasm, uint32_t bytes, char *error, uint32_t error_size)
{
    RuntimeInitArgs init = { .mem_alloc_type = Alloc_With_System_Allocator };
    LoadArgs arguments = { .name = "", .wasm_binary_freeable = true };
    snprintf(error, error_size, "not enough memory for the runtime");
    if (!wasm_runtime_full_init(&init))
        return NULL;
    /* What goes wrong is reported once, by the caller. */
    wasm_runtime_set_log_level(WASM_LOG_LEVEL_FATAL);
#if CLASSIC
    uint8_t *copy = wasm_runtime_malloc(bytes);
    if (!copy)
        return NULL;
    wasm = memcpy(copy, wasm, bytes);
#endif
    return wasm_runtime_load_ex((uint8_t *)wasm, bytes, &arguments, error, error_size);
}
