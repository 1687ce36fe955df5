/* wasm_export.h over wasm2c: see there. Also the few functions that translated code calls. */
#include "wasm_export.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "module.h"

#define ALIGN 16u

struct wasm2c_instance {
    void *module;
    wasm_rt_memory_t *memory;
    uint32_t heap; /* its address; 0 once it has been given out */
    const char *exception;
};

static const char *const TRAPS[] = {
    [WASM_RT_TRAP_OOB] = "Exception: out of bounds memory access",
    [WASM_RT_TRAP_INT_OVERFLOW] = "Exception: integer overflow",
    [WASM_RT_TRAP_DIV_BY_ZERO] = "Exception: integer divide by zero",
    [WASM_RT_TRAP_INVALID_CONVERSION] = "Exception: invalid conversion to integer",
    [WASM_RT_TRAP_UNREACHABLE] = "Exception: unreachable",
    [WASM_RT_TRAP_CALL_INDIRECT] = "Exception: bad indirect call",
    [WASM_RT_TRAP_EXHAUSTION] = "Exception: out of memory",
};

/* Where a trap goes, and the size of the memory of an instance that is being made. One thread. */
static jmp_buf landing;
static uint32_t memory_bytes;

/* ---- what translated code calls ---- */

bool wasm_rt_is_initialized(void)
{
    return true;
}

void wasm_rt_trap(wasm_rt_trap_t trap)
{
    longjmp(landing, trap);
}

uint32_t wasm_rt_register_func_type(uint32_t parameters, uint32_t results, ...)
{
    (void)parameters, (void)results;
    return 0; /* for indirect calls, which these modules do not have */
}

void wasm_rt_allocate_memory(wasm_rt_memory_t *memory, uint32_t pages, uint32_t most)
{
    memory->pages = pages;
    memory->max_pages = most;
    memory->data = board_linear_allocate(memory_bytes);
    memory->size = memory->data ? memory_bytes : 0;
    if (!memory->data)
        wasm_rt_trap(WASM_RT_TRAP_EXHAUSTION);
}

void wasm_rt_free_memory(wasm_rt_memory_t *memory)
{
    if (memory->data)
        board_linear_free();
    memory->data = NULL;
    memory->size = 0;
}

/* ---- the runtime ---- */

wasm_module_t wasm_runtime_linked(void)
{
    static char linked;
    return (wasm_module_t)&linked;
}

wasm_module_inst_t wasm_runtime_instantiate(wasm_module_t module, uint32_t stack, uint32_t heap, char *error, uint32_t error_size)
{
    (void)module, (void)stack;
    uint32_t base = (wasm2c_heap_base + ALIGN - 1) / ALIGN * ALIGN;
    snprintf(error, error_size, "not enough memory on this machine");
    if (heap > UINT32_MAX - ALIGN - base)
        return NULL;
    size_t header = (sizeof(struct wasm2c_instance) + ALIGN - 1) / ALIGN * ALIGN;
    struct wasm2c_instance *instance = calloc(1, header + wasm2c_instance_bytes);
    if (!instance)
        return NULL;
    instance->module = (uint8_t *)instance + header;
    instance->memory = wasm2c_memory(instance->module);
    instance->heap = base;
    memory_bytes = base + heap;
    /* A memory that is smaller than the static data is a trap, too. */
    if (setjmp(landing)) {
        wasm_runtime_deinstantiate(instance);
        return NULL;
    }
    wasm2c_instantiate(instance->module);
    *error = 0;
    return instance;
}

void wasm_runtime_deinstantiate(wasm_module_inst_t instance)
{
    wasm_rt_free_memory(instance->memory);
    free(instance);
}

wasm_exec_env_t wasm_runtime_create_exec_env(wasm_module_inst_t instance, uint32_t stack)
{
    (void)stack;
    return instance;
}

void wasm_runtime_destroy_exec_env(wasm_exec_env_t env)
{
    (void)env;
}

/* ---- functions ---- */

wasm_function_inst_t wasm_runtime_lookup_function(wasm_module_inst_t instance, const char *name)
{
    (void)instance;
    for (size_t i = 0; i < wasm2c_function_count; i++)
        if (strcmp(wasm2c_functions[i].name, name) == 0)
            return &wasm2c_functions[i];
    return NULL;
}

uint32_t wasm_func_get_param_count(wasm_function_inst_t function, wasm_module_inst_t instance)
{
    (void)instance;
    return (uint32_t)strlen(function->parameters);
}

uint32_t wasm_func_get_result_count(wasm_function_inst_t function, wasm_module_inst_t instance)
{
    (void)instance;
    return (uint32_t)strlen(function->results);
}

static void kinds(const char *letters, wasm_valkind_t *types)
{
    while (*letters)
        *types++ = *letters++ == 'f' ? WASM_F32 : WASM_I32;
}

void wasm_func_get_param_types(wasm_function_inst_t function, wasm_module_inst_t instance, wasm_valkind_t *types)
{
    (void)instance;
    kinds(function->parameters, types);
}

void wasm_func_get_result_types(wasm_function_inst_t function, wasm_module_inst_t instance, wasm_valkind_t *types)
{
    (void)instance;
    kinds(function->results, types);
}

bool wasm_runtime_call_wasm(wasm_exec_env_t env, wasm_function_inst_t function, uint32_t count, uint32_t cells[])
{
    env->exception = NULL;
    if (count != strlen(function->parameters)) {
        env->exception = "Exception: invalid argument count";
        return false;
    }
    int trap = setjmp(landing);
    if (trap) {
        env->exception = TRAPS[trap];
        return false;
    }
    function->call(env->module, cells);
    return true;
}

const char *wasm_runtime_get_exception(wasm_module_inst_t instance)
{
    return instance->exception;
}

void wasm_runtime_clear_exception(wasm_module_inst_t instance)
{
    instance->exception = NULL;
}

/* ---- memory ---- */

uint64_t wasm_runtime_module_malloc(wasm_module_inst_t instance, uint64_t size, void **native)
{
    uint32_t at = instance->heap;
    if (!at || size > instance->memory->size - at)
        return 0;
    instance->heap = 0;
    if (native)
        *native = instance->memory->data + at;
    return at;
}

bool wasm_runtime_validate_app_addr(wasm_module_inst_t instance, uint64_t address, uint64_t size)
{
    return address <= instance->memory->size && size <= instance->memory->size - address;
}

void *wasm_runtime_addr_app_to_native(wasm_module_inst_t instance, uint64_t address)
{
    return address < instance->memory->size ? instance->memory->data + address : NULL;
}

wasm_memory_inst_t wasm_runtime_get_default_memory(wasm_module_inst_t instance)
{
    return instance;
}

uint64_t wasm_memory_get_cur_page_count(wasm_memory_inst_t memory)
{
    (void)memory;
    return 1;
}

uint64_t wasm_memory_get_bytes_per_page(wasm_memory_inst_t memory)
{
    return memory->memory->size; /* one page of any size, as in WAMR */
}
