/*
 * The functions of WAMR's wasm_export.h that tinytrain's hosts use, over a module that wasm2c has translated. So the same
 * host runs on both. One module, which is linked in; its exports are in a table that bench/mcu/translate.mjs writes.
 */
#ifndef WASM_EXPORT_H
#define WASM_EXPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct wasm2c_module *wasm_module_t;
typedef struct wasm2c_instance *wasm_module_inst_t;
typedef struct wasm2c_instance *wasm_exec_env_t;
typedef struct wasm2c_instance *wasm_memory_inst_t;
typedef const struct wasm2c_function *wasm_function_inst_t;

typedef uint8_t wasm_valkind_t;
enum { WASM_I32, WASM_I64, WASM_F32, WASM_F64 };

/* The module. WAMR loads one from its bytes; here it is part of the program. */
wasm_module_t wasm_runtime_linked(void);

wasm_module_inst_t wasm_runtime_instantiate(wasm_module_t module, uint32_t stack, uint32_t heap, char *error, uint32_t error_size);
void wasm_runtime_deinstantiate(wasm_module_inst_t instance);
wasm_exec_env_t wasm_runtime_create_exec_env(wasm_module_inst_t instance, uint32_t stack);
void wasm_runtime_destroy_exec_env(wasm_exec_env_t env);

wasm_function_inst_t wasm_runtime_lookup_function(wasm_module_inst_t instance, const char *name);
uint32_t wasm_func_get_param_count(wasm_function_inst_t function, wasm_module_inst_t instance);
uint32_t wasm_func_get_result_count(wasm_function_inst_t function, wasm_module_inst_t instance);
void wasm_func_get_param_types(wasm_function_inst_t function, wasm_module_inst_t instance, wasm_valkind_t *types);
void wasm_func_get_result_types(wasm_function_inst_t function, wasm_module_inst_t instance, wasm_valkind_t *types);
bool wasm_runtime_call_wasm(wasm_exec_env_t env, wasm_function_inst_t function, uint32_t count, uint32_t cells[]);
const char *wasm_runtime_get_exception(wasm_module_inst_t instance);
void wasm_runtime_clear_exception(wasm_module_inst_t instance);

/* Gives out the heap of the instance, which is the end of its memory, once and as a whole. */
uint64_t wasm_runtime_module_malloc(wasm_module_inst_t instance, uint64_t size, void **native);
bool wasm_runtime_validate_app_addr(wasm_module_inst_t instance, uint64_t address, uint64_t size);
void *wasm_runtime_addr_app_to_native(wasm_module_inst_t instance, uint64_t address);
wasm_memory_inst_t wasm_runtime_get_default_memory(wasm_module_inst_t instance);
uint64_t wasm_memory_get_cur_page_count(wasm_memory_inst_t memory);
uint64_t wasm_memory_get_bytes_per_page(wasm_memory_inst_t memory);

#endif
