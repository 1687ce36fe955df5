/*
 * engine.h for WAMR. The fast interpreter translates the module to code of its own and leaves the file alone, so the file
 * may lie in flash. The classic one runs the file's code in place and writes to it: it gets a copy in RAM.
 */
#include "engine.h"

#include <stdbool.h>
#include <string.h>

wasm_module_t engine_load(const uint8_t *wasm, uint32_t bytes, char *error, uint32_t error_size)
{
    LoadArgs arguments = { .name = "", .wasm_binary_freeable = true };
#if CLASSIC
    uint8_t *copy = wasm_runtime_malloc(bytes);
    if (!copy) {
        memcpy(error, "not enough memory", sizeof "not enough memory");
        return NULL;
    }
    wasm = memcpy(copy, wasm, bytes);
#endif
    return wasm_runtime_load_ex((uint8_t *)wasm, bytes, &arguments, error, error_size);
}
