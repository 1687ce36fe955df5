/* Runs the kernels of build/kernels.wasm that bench/mcu/kernels.mjs lists, and prints the instructions of each. */
#include <string.h>

#include "board.h"
#include "cases.h"
#include "engine.h"

#define STACK_BYTES 8192

/* The module; of no bytes where it is translated. */
extern const uint8_t wasm_blob[];
extern const uint32_t wasm_blob_bytes;

static wasm_module_inst_t instance;
static wasm_exec_env_t env;

static _Noreturn void die(const char *what, const char *why)
{
    board_print("{\"error\": \"%s: %s\"}\n", what, why ? why : "failed");
    board_exit(1);
}

/* Calls an export and gives its result. */
static uint32_t call(const char *name, int count, const uint32_t *arguments)
{
    uint32_t cells[12];
    memcpy(cells, arguments, (size_t)count * sizeof *cells);
    wasm_function_inst_t function = wasm_runtime_lookup_function(instance, name);
    if (!function)
        die(name, "the module does not export it");
    if (!wasm_runtime_call_wasm(env, function, (uint32_t)count, cells))
        die(name, wasm_runtime_get_exception(instance));
    return cells[0];
}

/* The same values as `fill` of kernels.mjs. */
static void fill(float *to, uint32_t count, uint32_t seed)
{
    uint32_t state = seed;
    for (uint32_t i = 0; i < count; i++) {
        state = state * 1103515245u + 12345u;
        to[i] = (float)(int32_t)state / 2147483648.0f;
    }
}

static void run(const struct kernel_case *c, uint32_t base)
{
    uint32_t at[TENSORS], top = base;
    for (int i = 0; i < TENSORS; i++) {
        at[i] = top;
        top += (c->tensors[i].words * 4 + 15) & ~15u;
    }
    if (top + SCRATCH_BYTES - base > ARENA_BYTES)
        die(c->name, "the arena is too small");
    uint8_t *memory = wasm_runtime_addr_app_to_native(instance, base);
    for (int i = 0; i < TENSORS; i++)
        if (c->tensors[i].seed)
            fill((float *)(memory + (at[i] - base)), c->tensors[i].words, c->tensors[i].seed);
        else
            memset(memory + (at[i] - base), 0, c->tensors[i].words * 4);
    memcpy(memory + (at[GEOMETRY] - base), c->geometry, sizeof c->geometry);
    uint16_t *list = (uint16_t *)(memory + (at[LIST] - base));
    for (uint32_t i = 0; i < c->tensors[LIST].words; i++)
        list[i] = (uint16_t)(i * 8 + i % 8);
    const uint32_t sizes[] = {at[GEOMETRY], (uint32_t)c->more[0], (uint32_t)c->more[1]};
    if (c->scratch && call(c->scratch, c->scratch_count, sizes) > SCRATCH_BYTES)
        die(c->name, "the scratch is too small");
    uint32_t cells[12];
    for (int i = 0; i < c->count; i++)
        cells[i] = c->arguments[i] >= 0 ? (uint32_t)c->arguments[i] : c->arguments[i] == SCRATCH ? top : at[-1 - c->arguments[i]];
    wasm_function_inst_t function = wasm_runtime_lookup_function(instance, c->export);
    if (!function)
        die(c->export, "the module does not export it");
    uint64_t begun = board_instructions();
    if (!wasm_runtime_call_wasm(env, function, (uint32_t)c->count, cells))
        die(c->name, wasm_runtime_get_exception(instance));
    uint64_t instructions = board_instructions() - begun;
    const uint32_t *output = (const uint32_t *)(memory + (at[c->output] - base));
    uint32_t hash = 2166136261u;
    for (uint32_t i = 0; i < c->tensors[c->output].words; i++)
        hash = (hash ^ output[i]) * 16777619u;
    board_print("{\"instructions\": %lu, \"hash\": %lu}\n", (unsigned long)instructions, (unsigned long)hash);
}

int main(void)
{
    char text[128];
    wasm_module_t module = engine_load(wasm_blob, wasm_blob_bytes, text, sizeof text);
    if (!module)
        die("the module", text);
    instance = wasm_runtime_instantiate(module, STACK_BYTES, ARENA_BYTES + 256, text, sizeof text);
    if (!instance)
        die("the instance", text);
    env = wasm_runtime_create_exec_env(instance, STACK_BYTES);
    uint32_t base = env ? (uint32_t)wasm_runtime_module_malloc(instance, ARENA_BYTES, NULL) : 0;
    if (!base)
        die("the arena", "not enough memory");
    for (size_t i = 0; i < sizeof kernel_cases / sizeof *kernel_cases; i++)
        run(&kernel_cases[i], (base + 15) & ~15u);
    return 0;
}
