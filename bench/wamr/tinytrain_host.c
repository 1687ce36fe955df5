/* The host of the tinytrain engine under WAMR; tinytrain_host.h says what each function does. */
#include "tinytrain_host.h"

#include <stdio.h>
#include <string.h>

#include "views.h"

/* WebAssembly's own stack, in bytes; the engine's calls are shallow. */
#define STACK_BYTES 4096
/* The app heap that WAMR can make: at least, and at most so many bytes. */
#define HEAP_LEAST 256
#define HEAP_MOST (1u << 30)
/* More steps than any job has between two answers. */
#define ALL_STEPS 0x7fffffff
/* Header of a model file (docs/formats.md): its size, and the offset of the field that says where the weights begin. */
#define HEADER_BYTES 128
#define WEIGHTS_OFFSET 32

/* Names of the exports, and how many i32 they take and give back. */
static const struct {
    const char *name;
    uint32_t params, results;
} EXPORTS[TT_EXPORTS] = {
    { "control", 0, 1 }, { "open", 3, 1 }, { "task", 0, 1 },  { "begin", 1, 1 },      { "step", 1, 1 },        { "stop", 0, 0 },
    { "score", 0, 0 },   { "select", 0, 1 }, { "cost", 0, 1 }, { "patch_size", 1, 1 }, { "patch_write", 3, 0 }, { "patch_apply", 2, 1 },
};

void *tt_at(struct tt_engine *engine, uint64_t address, uint64_t bytes, uint32_t alignment)
{
    if (address % alignment || address > UINT32_MAX)
        return NULL;
    if (!wasm_runtime_validate_app_addr(engine->instance, address, bytes)) {
        wasm_runtime_clear_exception(engine->instance);
        return NULL;
    }
    return wasm_runtime_addr_app_to_native(engine->instance, address);
}

/* Calls an export with up to three arguments; its result, if it has one, is in `*result`. */
static int32_t invoke(struct tt_engine *engine, enum tt_export which, const uint32_t *arguments, uint32_t *result)
{
    uint32_t cells[3] = { 0 };
    for (uint32_t i = 0; i < EXPORTS[which].params; i++)
        cells[i] = arguments[i];
    if (!wasm_runtime_call_wasm(engine->env, engine->exports[which], EXPORTS[which].params, cells)) {
        snprintf(engine->trap, sizeof engine->trap, "%s", wasm_runtime_get_exception(engine->instance));
        wasm_runtime_clear_exception(engine->instance);
        return TT_TRAP;
    }
    if (EXPORTS[which].results)
        *result = cells[0];
    /* The engine's memory never moves, but that of a module that only looks like it may. */
    if (engine->control)
        engine->control = tt_at(engine, engine->control_address, sizeof *engine->control, 8);
    return TT_DONE;
}

int32_t tt_call(struct tt_engine *engine, enum tt_export which, const uint32_t *arguments)
{
    uint32_t result = TT_DONE;
    int32_t status = invoke(engine, which, arguments, &result);
    return status ? status : (int32_t)result;
}

uint64_t tt_linear_bytes(struct tt_engine *engine)
{
    wasm_memory_inst_t memory = engine->instance ? wasm_runtime_get_default_memory(engine->instance) : NULL;
    return memory ? wasm_memory_get_cur_page_count(memory) * wasm_memory_get_bytes_per_page(memory) : 0;
}

/* Finds the exports and checks their signatures. */
static int32_t find_exports(struct tt_engine *engine)
{
    for (int i = 0; i < TT_EXPORTS; i++) {
        wasm_function_inst_t function = wasm_runtime_lookup_function(engine->instance, EXPORTS[i].name);
        if (!function) {
            snprintf(engine->trap, sizeof engine->trap, "it does not export %s", EXPORTS[i].name);
            return TT_MODULE;
        }
        uint32_t params = wasm_func_get_param_count(function, engine->instance);
        uint32_t results = wasm_func_get_result_count(function, engine->instance);
        wasm_valkind_t kinds[4] = { WASM_I32, WASM_I32, WASM_I32, WASM_I32 };
        if (params == EXPORTS[i].params && results == EXPORTS[i].results) {
            wasm_func_get_param_types(function, engine->instance, kinds);
            wasm_func_get_result_types(function, engine->instance, kinds + 3);
        } else
            kinds[0] = WASM_F64;
        for (int k = 0; k < 4; k++)
            if (kinds[k] != WASM_I32) {
                snprintf(engine->trap, sizeof engine->trap, "its %s does not take %u and give %u integers of 32 bits",
                         EXPORTS[i].name, (unsigned)EXPORTS[i].params, (unsigned)EXPORTS[i].results);
                return TT_MODULE;
            }
        engine->exports[i] = function;
    }
    return TT_DONE;
}

int32_t tt_create(struct tt_engine *engine, wasm_module_t module, uint32_t arena_bytes, const struct tt_caller *caller)
{
    memset(engine, 0, sizeof *engine);
    engine->caller = caller;
    engine->views = 1;
    if (arena_bytes > HEAP_MOST - HEAP_LEAST)
        return TT_HOST_MEMORY;
    /*
     * WAMR puts the app heap behind the module's data, where a memory that cannot grow ends. The arena is the whole of
     * it: nothing else allocates there.
     */
    uint32_t heap = (arena_bytes + 15) & ~(uint32_t)15;
    if (heap < HEAP_LEAST)
        heap = HEAP_LEAST;
    engine->instance = wasm_runtime_instantiate(module, STACK_BYTES, heap, engine->trap, sizeof engine->trap);
    if (!engine->instance)
        return TT_HOST_MEMORY;
    engine->env = wasm_runtime_create_exec_env(engine->instance, STACK_BYTES);
    if (!engine->env)
        return TT_HOST_MEMORY;
    int32_t status = find_exports(engine);
    if (status)
        return status;
    uint64_t end = tt_linear_bytes(engine);
    if (end < heap || end > UINT32_MAX)
        return TT_ADDRESS;
    engine->arena = (uint32_t)((end - heap + 15) & ~(uint64_t)15);
    status = invoke(engine, TT_CONTROL, NULL, &engine->control_address);
    if (status)
        return status;
    engine->control = tt_at(engine, engine->control_address, sizeof *engine->control, 8);
    if (!engine->control)
        return TT_ADDRESS;
    engine->control->arena_bytes = (uint32_t)(end - engine->arena) & ~(uint32_t)15;
    return TT_DONE;
}

int32_t tt_create_within(struct tt_engine *engine, wasm_module_t module, uint32_t ram, const struct tt_caller *caller)
{
    /* Where the arena begins is known only of an instance. */
    int32_t status = tt_create(engine, module, 0, caller);
    if (status)
        return status;
    uint32_t arena = engine->arena;
    if (ram < arena + HEAP_LEAST) {
        engine->control->ram_budget = ram;
        engine->control->need_bytes = arena + HEAP_LEAST;
        return TT_RAM;
    }
    tt_destroy(engine);
    status = tt_create(engine, module, (ram - arena) & ~(uint32_t)15, caller);
    if (!status)
        engine->control->ram_budget = ram;
    return status;
}

void tt_destroy(struct tt_engine *engine)
{
    if (engine->env)
        wasm_runtime_destroy_exec_env(engine->env);
    if (engine->instance)
        wasm_runtime_deinstantiate(engine->instance);
    memset(engine, 0, sizeof *engine);
}

/* TT_NEED_MEMORY, with the bytes in the control block, unless an arena of `bytes` bytes is there. */
static int32_t need(struct tt_engine *engine, uint64_t bytes)
{
    if (bytes <= engine->control->arena_bytes)
        return TT_DONE;
    engine->control->need_bytes = bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes;
    return TT_NEED_MEMORY;
}

/* Has the caller write `bytes` bytes of the model file into the engine's memory. */
static int32_t slice(struct tt_engine *engine, uint32_t offset, uint32_t address, uint32_t bytes)
{
    void *to = tt_at(engine, address, bytes, 1);
    return to ? engine->caller->slice(engine->caller->user, offset, to, bytes) : TT_ADDRESS;
}

int32_t tt_open(struct tt_engine *engine, uint32_t bytes)
{
    engine->views = 1;
    engine->caller->forget(engine->caller->user);
    if (bytes < HEADER_BYTES)
        return TT_MODEL_SIZE;
    int32_t status = need(engine, HEADER_BYTES);
    if (!status)
        status = slice(engine, 0, engine->arena, HEADER_BYTES);
    if (status)
        return status;
    uint32_t head;
    memcpy(&head, (char *)tt_at(engine, engine->arena, HEADER_BYTES, 1) + WEIGHTS_OFFSET, sizeof head);
    /* A head that cannot be one: the engine says what is wrong with the file, of which it sees only this much. */
    if (head < HEADER_BYTES || head > bytes)
        head = HEADER_BYTES;
    status = need(engine, head);
    if (!status)
        status = slice(engine, 0, engine->arena, head);
    if (!status)
        status = tt_call(engine, TT_OPEN, (uint32_t[]){ engine->arena, bytes, head });
    if (!status)
        status = tt_begin(engine, TT_JOB_CHECK);
    return status ? status : tt_run(engine, 0);
}

int32_t tt_set_task(struct tt_engine *engine, const uint16_t *labels, int32_t samples, int32_t ways)
{
    engine->control->ways = ways;
    engine->control->samples = samples;
    int32_t status = tt_call(engine, TT_TASK, NULL);
    if (status)
        return status;
    uint64_t bytes = (uint64_t)samples * sizeof *labels;
    uint16_t *to = tt_at(engine, engine->control->labels_pointer, bytes, 1);
    if (!to)
        return TT_ADDRESS;
    memcpy(to, labels, bytes);
    return TT_DONE;
}

int32_t tt_begin(struct tt_engine *engine, enum tt_job job)
{
    engine->caller->forget(engine->caller->user);
    return tt_call(engine, TT_BEGIN, (uint32_t[]){ job });
}

/* Whether a key can be that of a block: one for every value kept of every sample and of each of its variants. */
static bool is_key(const struct tt_control *c, int32_t key)
{
    if (key < 0 || c->samples < 1 || c->variants < 0 || c->stored_values < 1)
        return false;
    return (uint64_t)key / (uint32_t)c->stored_values / ((uint64_t)c->variants + 1) < (uint32_t)c->samples;
}

/* Has the caller write what is asked for of a sample, and checks its values: what they would do to the weights shows late, or never. */
static int32_t sample(struct tt_engine *engine, uint8_t *to)
{
    const struct tt_caller *caller = engine->caller;
    const struct tt_control *c = engine->control;
    uint32_t bytes = c->io_bytes;
    if (!bytes || (bytes | c->io_offset) % sizeof(float))
        return TT_ADDRESS;
    int32_t status = engine->view ? tt_view(engine, engine->viewed, engine->view, c->io_offset, to, bytes)
                                  : caller->sample(caller->user, c->io_index, c->io_offset, to, bytes);
    for (uint32_t at = 0, value; at + sizeof value <= bytes && !status; at += sizeof value) {
        memcpy(&value, to + at, sizeof value);
        if ((value & 0x7f800000) == 0x7f800000)
            status = TT_NOT_FINITE;
    }
    return status;
}

/* Does what `step` has asked for. */
static int32_t answer(struct tt_engine *engine, int32_t wanted)
{
    const struct tt_control *c = engine->control;
    const struct tt_caller *caller = engine->caller;
    if (wanted == TT_YIELD)
        return TT_DONE;
    if (wanted == TT_ITERATION) {
        if (caller->iteration)
            caller->iteration(caller->user, c->iteration, c->loss);
        return TT_DONE;
    }
    void *at = tt_at(engine, c->io_pointer, c->io_bytes, 1);
    if (!at)
        return TT_ADDRESS;
    if (wanted == TT_SLICE)
        return caller->slice(caller->user, (uint32_t)c->io_index, at, c->io_bytes);
    if (wanted == TT_SAMPLE)
        return sample(engine, at);
    if (!is_key(c, c->io_index))
        return TT_ADDRESS;
    if (wanted == TT_STORE)
        return caller->store(caller->user, c->io_index, at, c->io_bytes);
    if (wanted == TT_FETCH)
        return caller->fetch(caller->user, c->io_index, at, c->io_bytes);
    return TT_ADDRESS;
}

int32_t tt_run(struct tt_engine *engine, int32_t steps)
{
    int32_t status;
    do {
        int32_t wanted = tt_call(engine, TT_STEP, (uint32_t[]){ steps > 0 ? (uint32_t)steps : ALL_STEPS });
        status = wanted > TT_DONE ? answer(engine, wanted) : wanted;
        if (status == TT_DONE && wanted == TT_YIELD && steps > 0)
            return TT_YIELD;
        if (status || wanted == TT_DONE)
            break;
    } while (true);
    engine->caller->forget(engine->caller->user);
    return status;
}

int32_t tt_stop(struct tt_engine *engine)
{
    engine->caller->forget(engine->caller->user);
    return tt_call(engine, TT_STOP, NULL);
}

struct tt_layer *tt_layer(struct tt_engine *engine, int32_t index)
{
    const struct tt_control *c = engine->control;
    if (index < 0 || index >= c->layer_count)
        return NULL;
    return tt_at(engine, c->layers_pointer + (uint64_t)index * sizeof(struct tt_layer), sizeof(struct tt_layer), 4);
}

/* Size of the patch; makes sure that there is room for it and the names at `free_pointer`. */
static int32_t patch_layout(struct tt_engine *engine, uint32_t name_bytes, uint32_t *size)
{
    int32_t status = invoke(engine, TT_PATCH_SIZE, &name_bytes, size);
    if (status)
        return status;
    uint32_t at = engine->control->free_pointer;
    if (at < engine->arena)
        return TT_ADDRESS;
    return need(engine, (uint64_t)at - engine->arena + *size + name_bytes);
}

int32_t tt_patch_fits(struct tt_engine *engine, uint32_t name_bytes)
{
    uint32_t size = 0;
    return patch_layout(engine, name_bytes, &size);
}

int32_t tt_patch(struct tt_engine *engine, const char *names, uint32_t name_bytes, const uint8_t **patch, uint32_t *bytes)
{
    int32_t status = patch_layout(engine, name_bytes, bytes);
    if (status)
        return status;
    uint32_t at = engine->control->free_pointer;
    uint64_t size = (uint64_t)*bytes + name_bytes;
    uint8_t *to = tt_at(engine, at, size, 1);
    if (!to)
        return TT_ADDRESS;
    if (engine->control->peak_bytes < at + size)
        engine->control->peak_bytes = (uint32_t)(at + size);
    memcpy(to + *bytes, names, name_bytes);
    status = tt_call(engine, TT_PATCH_WRITE, (uint32_t[]){ at, at + *bytes, name_bytes });
    *patch = tt_at(engine, at, *bytes, 1);
    return status ? status : *patch ? TT_DONE : TT_ADDRESS;
}

int32_t tt_apply(struct tt_engine *engine, const uint8_t *patch, uint32_t bytes)
{
    uint32_t at = engine->control->free_pointer;
    if (at < engine->arena)
        return TT_ADDRESS;
    int32_t status = need(engine, (uint64_t)at - engine->arena + bytes);
    if (status)
        return status;
    /* The arena's last bytes: the task of the patch is laid out below it. */
    at = (engine->arena + engine->control->arena_bytes - bytes) & ~(uint32_t)15;
    uint8_t *to = tt_at(engine, at, bytes, 1);
    if (!to)
        return TT_ADDRESS;
    memcpy(to, patch, bytes);
    return tt_call(engine, TT_PATCH_APPLY, (uint32_t[]){ at, bytes });
}
