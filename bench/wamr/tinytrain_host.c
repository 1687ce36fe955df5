/* The host of the tinytrain engine under WAMR; tinytrain_host.h says what each function does. */
#include "tinytrain_host.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* WebAssembly's own stack, in bytes; the engine's calls are shallow. */
#define STACK_BYTES 4096
/* What WAMR's allocator of the app heap takes of it for itself, at most, and the alignment of the arena. */
#define HEAP_EXTRA 64
#define HEAP_LEAST 256
/* More steps than any job has between two answers: the budget of steps is for hosts with something else to do. */
#define ALL_STEPS 0x7fffffff

static const char *const EXPORT_NAMES[TT_EXPORTS] = {
    "control", "open", "task", "begin", "step", "stop", "score", "select", "cost", "patch_size", "patch_write",
};

static struct tt_runtime_bytes counted;

/* Size of a block, in front of it; as large as the strictest alignment. */
union block {
    size_t size;
    max_align_t align;
};

static void count(size_t more, size_t less)
{
    counted.now += more - less;
    if (counted.now > counted.peak)
        counted.peak = counted.now;
}

/* realloc that counts; also malloc and, with 0 bytes, free. */
static void *counting_realloc(void *old, unsigned int size)
{
    union block *block = old ? (union block *)old - 1 : NULL;
    size_t before = block ? block->size : 0;
    if (size == 0) {
        count(0, before);
        free(block);
        return NULL;
    }
    block = realloc(block, sizeof(union block) + size);
    if (!block)
        return NULL;
    block->size = size;
    count(size, before);
    return block + 1;
}

static void *counting_malloc(unsigned int size)
{
    return counting_realloc(NULL, size ? size : 1);
}

static void counting_free(void *old)
{
    counting_realloc(old, 0);
}

bool tt_runtime_start(void)
{
    RuntimeInitArgs args = { .mem_alloc_type = Alloc_With_Allocator };
    args.mem_alloc_option.allocator.malloc_func = (void *)counting_malloc;
    args.mem_alloc_option.allocator.realloc_func = (void *)counting_realloc;
    args.mem_alloc_option.allocator.free_func = (void *)counting_free;
    if (!wasm_runtime_full_init(&args))
        return false;
    /* What goes wrong is reported once, by the caller. */
    wasm_runtime_set_log_level(WASM_LOG_LEVEL_FATAL);
    return true;
}

struct tt_runtime_bytes tt_runtime_bytes(void)
{
    return counted;
}

/* Calls an export with up to three arguments; its result, or 0 if it has none, is in `*result`. */
static int32_t invoke(struct tt_engine *engine, enum tt_export which, int count, const uint32_t *arguments, uint32_t *result)
{
    uint32_t cells[3] = { 0 };
    for (int i = 0; i < count; i++)
        cells[i] = arguments[i];
    if (!wasm_runtime_call_wasm(engine->env, engine->exports[which], (uint32_t)count, cells)) {
        snprintf(engine->trap, sizeof engine->trap, "%s", wasm_runtime_get_exception(engine->instance));
        wasm_runtime_clear_exception(engine->instance);
        return TT_TRAP;
    }
    *result = cells[0];
    return TT_DONE;
}

/* Calls an export that answers with a status. */
static int32_t call(struct tt_engine *engine, enum tt_export which, int count, const uint32_t *arguments)
{
    uint32_t result = 0;
    int32_t status = invoke(engine, which, count, arguments, &result);
    return status ? status : (int32_t)result;
}

void *tt_at(struct tt_engine *engine, uint32_t address, uint64_t bytes)
{
    if (!wasm_runtime_validate_app_addr(engine->instance, address, bytes)) {
        wasm_runtime_clear_exception(engine->instance);
        return NULL;
    }
    return wasm_runtime_addr_app_to_native(engine->instance, address);
}

uint64_t tt_linear_bytes(struct tt_engine *engine)
{
    wasm_memory_inst_t memory = wasm_runtime_get_default_memory(engine->instance);
    return memory ? wasm_memory_get_cur_page_count(memory) * wasm_memory_get_bytes_per_page(memory) : 0;
}

int32_t tt_create(struct tt_engine *engine, wasm_module_t module, uint32_t arena_bytes)
{
    memset(engine, 0, sizeof *engine);
    uint64_t heap = (uint64_t)arena_bytes + HEAP_EXTRA;
    if (heap < HEAP_LEAST)
        heap = HEAP_LEAST;
    if (heap > UINT32_MAX)
        return TT_HOST_MEMORY;
    engine->instance = wasm_runtime_instantiate(module, STACK_BYTES, (uint32_t)heap, engine->trap, sizeof engine->trap);
    if (!engine->instance)
        return TT_HOST_MEMORY;
    engine->env = wasm_runtime_create_exec_env(engine->instance, STACK_BYTES);
    if (!engine->env)
        return TT_HOST_MEMORY;
    for (int i = 0; i < TT_EXPORTS; i++) {
        engine->exports[i] = wasm_runtime_lookup_function(engine->instance, EXPORT_NAMES[i]);
        if (!engine->exports[i]) {
            snprintf(engine->trap, sizeof engine->trap, "it does not export %s", EXPORT_NAMES[i]);
            return TT_MODULE;
        }
    }
    uint64_t block = wasm_runtime_module_malloc(engine->instance, (uint64_t)arena_bytes + 15, NULL);
    if (!block)
        return TT_HOST_MEMORY;
    engine->arena = ((uint32_t)block + 15) & ~(uint32_t)15;
    uint32_t address = 0;
    int32_t status = invoke(engine, TT_CONTROL, 0, NULL, &address);
    if (status)
        return status;
    engine->control = tt_at(engine, address, sizeof *engine->control);
    if (!engine->control)
        return TT_ADDRESS;
    engine->control->arena_bytes = arena_bytes;
    return TT_DONE;
}

/* Forgets what a job had kept. */
static void drop_kept(struct tt_engine *engine)
{
    for (size_t i = 0; i < engine->kept_count; i++)
        free(engine->kept[i].bytes);
    free(engine->kept);
    engine->kept = NULL;
    engine->kept_count = engine->kept_bytes = 0;
}

void tt_destroy(struct tt_engine *engine)
{
    drop_kept(engine);
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

int32_t tt_open(struct tt_engine *engine, const uint8_t *model, uint32_t bytes)
{
    drop_kept(engine);
    int32_t status = need(engine, bytes);
    if (status)
        return status;
    uint8_t *to = tt_at(engine, engine->arena, bytes);
    if (!to)
        return TT_ADDRESS;
    memcpy(to, model, bytes);
    return call(engine, TT_OPEN, 2, (uint32_t[]){ engine->arena, bytes });
}

int32_t tt_task(struct tt_engine *engine, const uint16_t *labels, int32_t samples, int32_t ways)
{
    engine->control->ways = ways;
    engine->control->samples = samples;
    int32_t status = call(engine, TT_TASK, 0, NULL);
    if (status)
        return status;
    uint64_t bytes = (uint64_t)samples * sizeof *labels;
    uint16_t *to = tt_at(engine, engine->control->labels_pointer, bytes);
    if (!to)
        return TT_ADDRESS;
    memcpy(to, labels, bytes);
    return TT_DONE;
}

int32_t tt_begin(struct tt_engine *engine, enum tt_job job)
{
    drop_kept(engine);
    return call(engine, TT_BEGIN, 1, (uint32_t[]){ job });
}

/* Makes room for the blocks of a job: one for every value kept of every sample and of each of its variants. */
static bool reserve_kept(struct tt_engine *engine)
{
    if (engine->kept)
        return true;
    const struct tt_control *c = engine->control;
    if (c->samples < 1 || c->variants < 0 || c->stored_values < 1)
        return false;
    uint64_t blocks = (uint64_t)c->samples * ((uint64_t)c->variants + 1) * (uint64_t)c->stored_values;
    engine->kept = blocks > SIZE_MAX ? NULL : calloc((size_t)blocks, sizeof *engine->kept);
    engine->kept_count = engine->kept ? (size_t)blocks : 0;
    return engine->kept != NULL;
}

/* Keeps a block of the engine's memory. */
static int32_t keep(struct tt_engine *engine, const void *bytes, uint32_t size, int32_t key)
{
    if (!reserve_kept(engine))
        return TT_HOST_MEMORY;
    if (key < 0 || (size_t)key >= engine->kept_count)
        return TT_ADDRESS;
    struct tt_kept *block = &engine->kept[key];
    engine->kept_bytes -= block->size;
    free(block->bytes);
    block->size = 0;
    block->bytes = malloc(size ? size : 1);
    if (!block->bytes)
        return TT_HOST_MEMORY;
    memcpy(block->bytes, bytes, size);
    block->size = size;
    engine->kept_bytes += size;
    if (engine->kept_bytes > engine->kept_peak)
        engine->kept_peak = engine->kept_bytes;
    return TT_DONE;
}

/* Does what `step` has asked for. */
static int32_t answer(struct tt_engine *engine, int32_t wanted, const struct tt_caller *caller)
{
    const struct tt_control *c = engine->control;
    if (wanted == TT_YIELD)
        return TT_DONE;
    if (wanted == TT_ITERATION) {
        if (caller->iteration)
            caller->iteration(caller->user, c->iteration, c->loss);
        return TT_DONE;
    }
    uint32_t size = c->io_bytes;
    int32_t key = c->io_index;
    void *at = tt_at(engine, c->io_pointer, size);
    if (!at)
        return TT_ADDRESS;
    if (wanted == TT_STORE)
        return keep(engine, at, size, key);
    const void *from = NULL;
    if (wanted == TT_SAMPLE)
        from = caller->sample(caller->user, key, size);
    else if (wanted == TT_FETCH && key >= 0 && (size_t)key < engine->kept_count && engine->kept[key].size == size)
        from = engine->kept[key].bytes;
    if (!from)
        return TT_ADDRESS;
    memcpy(at, from, size);
    return TT_DONE;
}

int32_t tt_run(struct tt_engine *engine, const struct tt_caller *caller)
{
    int32_t status;
    do {
        status = call(engine, TT_STEP, 1, (uint32_t[]){ ALL_STEPS });
        if (status <= TT_DONE)
            break;
        status = answer(engine, status, caller);
    } while (status == TT_DONE);
    drop_kept(engine);
    return status;
}

int32_t tt_stop(struct tt_engine *engine)
{
    uint32_t none;
    drop_kept(engine);
    return invoke(engine, TT_STOP, 0, NULL, &none);
}

int32_t tt_score(struct tt_engine *engine)
{
    uint32_t none;
    return invoke(engine, TT_SCORE, 0, NULL, &none);
}

int32_t tt_select(struct tt_engine *engine)
{
    return call(engine, TT_SELECT, 0, NULL);
}

struct tt_layer *tt_layer(struct tt_engine *engine, int32_t index)
{
    const struct tt_control *c = engine->control;
    if (index < 0 || index >= c->layer_count)
        return NULL;
    uint64_t address = c->layers_pointer + (uint64_t)index * sizeof(struct tt_layer);
    return address > UINT32_MAX ? NULL : tt_at(engine, (uint32_t)address, sizeof(struct tt_layer));
}

int32_t tt_select_layer(struct tt_engine *engine, int32_t index, enum tt_kind kind, int32_t channels)
{
    struct tt_layer *layer = tt_layer(engine, index);
    if (!layer || channels < 0)
        return TT_ADDRESS;
    int32_t count = kind == TT_WEIGHTS ? channels : 0;
    uint16_t *list = tt_at(engine, layer->channels, (uint64_t)count * sizeof *list);
    if (!list)
        return TT_ADDRESS;
    for (int32_t i = 0; i < count; i++)
        list[i] = (uint16_t)i;
    layer->kind = (int32_t)kind;
    layer->count = count;
    return TT_DONE;
}

/* First address behind the tables and the task. */
static uint64_t task_end(const struct tt_control *c)
{
    return ((uint64_t)c->features_pointer + (uint64_t)c->feature_count * 4 + 15) & ~(uint64_t)15;
}

/* Size of the patch and the address behind it and the names. */
static int32_t patch_layout(struct tt_engine *engine, uint32_t name_bytes, uint32_t *size, uint64_t *end)
{
    int32_t status = invoke(engine, TT_PATCH_SIZE, 1, (uint32_t[]){ name_bytes }, size);
    if (status)
        return status;
    if (task_end(engine->control) < engine->arena)
        return TT_ADDRESS;
    *end = task_end(engine->control) + *size + name_bytes;
    return need(engine, *end - engine->arena);
}

int32_t tt_patch_fits(struct tt_engine *engine, uint32_t name_bytes)
{
    uint32_t size;
    uint64_t end;
    return patch_layout(engine, name_bytes, &size, &end);
}

int32_t tt_patch(struct tt_engine *engine, const char *names, uint32_t name_bytes, const uint8_t **patch, uint32_t *bytes)
{
    uint64_t end;
    int32_t status = patch_layout(engine, name_bytes, bytes, &end);
    if (status)
        return status;
    uint32_t at = (uint32_t)task_end(engine->control);
    if (engine->control->peak_bytes < end)
        engine->control->peak_bytes = (uint32_t)end;
    uint8_t *to = tt_at(engine, at, (uint64_t)*bytes + name_bytes);
    if (!to)
        return TT_ADDRESS;
    memcpy(to + *bytes, names, name_bytes);
    uint32_t none;
    status = invoke(engine, TT_PATCH_WRITE, 3, (uint32_t[]){ at, at + *bytes, name_bytes }, &none);
    *patch = to;
    return status;
}

/* Messages without figures; src/status.ts has the same. */
static const char *const MESSAGES[] = {
    [1] = "not a .ttm model: it does not begin with TTM1",
    [2] = "not a usable .ttm model: its version is unknown, expected 1",
    [3] = "not a usable .ttm model: truncated, or longer than it says",
    [4] = "not a usable .ttm model: its checksum does not match, the file is damaged",
    [7] = "training needs at least two classes: add samples of another class",
    [11] = "call out of order: open a model and begin a job first",
    [13] = "an option is out of range",
    [14] = "training diverged: the loss is no longer a number; lower the learning rate (--lr)",
    [15] = "not a patch: it does not begin with TTD1",
    [16] = "not a usable patch: its version is unknown, expected 1",
    [17] = "not a usable patch: truncated, or longer than it says",
    [18] = "not a usable patch: its checksum does not match, the file is damaged",
    [19] = "the patch was made for another model: use the model that it was made with",
    [20] = "not a usable patch: a field is out of range",
};

/* The message of TT_BUDGET. */
static void budget_message(const struct tt_control *c, char *text, size_t size)
{
    if (isinf(c->least_macs))
        snprintf(text, size, "the model has no layer that can be trained");
    else if (c->least_bytes > c->memory_budget)
        snprintf(text, size,
                 "a memory budget of %" PRIu32 " bytes is too small to train anything: the least possible is %" PRIu32 " bytes",
                 c->memory_budget, c->least_bytes);
    else if (c->least_macs > c->compute_budget)
        snprintf(text, size, "a compute budget of %.0f MACs is too small to train anything: the least possible is %.0f MACs",
                 c->compute_budget, c->least_macs);
    else
        snprintf(text, size, "no layer fits both budgets: the least possible, each alone, is %" PRIu32 " bytes and %.0f MACs",
                 c->least_bytes, c->least_macs);
}

void tt_message(const struct tt_engine *engine, int32_t status, char *text, size_t size)
{
    const struct tt_control *c = engine->control;
    switch (status) {
    case TT_TRAP: snprintf(text, size, "the engine was stopped: %s", engine->trap); return;
    case TT_ADDRESS: snprintf(text, size, "the engine named an address or a key that is not its own"); return;
    case TT_HOST_MEMORY: snprintf(text, size, "not enough memory on this machine"); return;
    case TT_MODULE: snprintf(text, size, "not the engine: %s", engine->trap); return;
    case TT_BUDGET: budget_message(c, text, size); return;
    case TT_NEED_MEMORY:
        snprintf(text, size, "the run needs an arena of %" PRIu32 " bytes, and has %" PRIu32, c->need_bytes, c->arena_bytes);
        return;
    case -5:
        if (c->detail < 0)
            snprintf(text, size, "not a usable .ttm model: its header is out of range");
        else
            snprintf(text, size, "not a usable .ttm model: operator %" PRId32 " is out of range", c->detail);
        return;
    case -8: snprintf(text, size, "class %" PRId32 " has no sample: give it one or leave it out", c->detail); return;
    case -9: snprintf(text, size, "sample %" PRId32 " has a label that is no class", c->detail); return;
    case -12:
        snprintf(text, size, "selection: layer %" PRId32 " names a channel that it does not have", c->detail);
        return;
    }
    size_t code = status < 0 ? (size_t)-(int64_t)status : 0;
    if (code < sizeof MESSAGES / sizeof *MESSAGES && MESSAGES[code])
        snprintf(text, size, "%s", MESSAGES[code]);
    else
        snprintf(text, size, "unknown status %" PRId32 " of the engine", status);
}
