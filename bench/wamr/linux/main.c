/*
 * tinytrain-wamr: adapts a model to labelled samples and classifies others, with the engine under WAMR and the weights
 * outside its memory. Its patch equals that of the scalar binary in Node.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kept.h"
#include "report.h"
#include "runtime.h"
#include "system.h"

/* An arena of so many bytes is tried first; Linux gives pages only as they are touched. */
#define PLENTY (16u << 20)

/* Everything that the caller's functions look at. */
struct program {
    struct arguments arguments;
    const uint8_t *model;
    uint32_t model_bytes;
    struct samples support, queries;
    const struct samples *current; /* whose samples the engine gets */
    int32_t first;                 /* index of its sample 0 */
    struct kept kept;
    struct figures figures;
};

static int32_t slice(void *user, uint32_t offset, void *to, uint32_t bytes)
{
    const struct program *p = user;
    if (offset > p->model_bytes || bytes > p->model_bytes - offset)
        return TT_ADDRESS;
    memcpy(to, p->model + offset, bytes);
    return TT_DONE;
}

static int32_t sample(void *user, int32_t index, uint32_t offset, void *to, uint32_t bytes)
{
    const struct program *p = user;
    if (index < 0 || index > INT32_MAX - p->first)
        return TT_ADDRESS;
    return give_sample(p->current, p->first + index, offset, to, bytes);
}

static int32_t store(void *user, int32_t key, const void *bytes, uint32_t size)
{
    return kept_store(&((struct program *)user)->kept, key, bytes, size);
}

static int32_t fetch(void *user, int32_t key, void *to, uint32_t size)
{
    return kept_fetch(&((struct program *)user)->kept, key, to, size);
}

static void forget(void *user)
{
    kept_forget(&((struct program *)user)->kept);
}

static void note_loss(void *user, int32_t iteration, float loss)
{
    struct figures *f = &((struct program *)user)->figures;
    (void)iteration;
    f->loss = grow(f->loss, (size_t)(f->iterations + 1) * sizeof *f->loss);
    f->loss[f->iterations++] = loss;
}

static struct tt_task task_of(const struct samples *s)
{
    return (struct tt_task){ s->labels, s->count, s->ways, s->names, s->name_bytes };
}

/* Adapts and writes the patch. */
static int32_t adapt(struct program *p, struct tt_engine *engine)
{
    const struct samples *s = &p->support;
    const struct tt_task task = task_of(s);
    const uint8_t *patch;
    struct figures *f = &p->figures;
    double begun = milliseconds();
    p->current = s;
    p->first = 0;
    f->iterations = 0;
    int32_t status = tt_choose(engine, p->model_bytes, &p->arguments.options, &task);
    double trains = milliseconds();
    if (!status)
        status = tt_train(engine, &task, &patch, &f->patch_bytes);
    f->choose_ms = trains - begun;
    f->train_ms = milliseconds() - trains;
    if (!status && p->arguments.out)
        write_file(p->arguments.out, patch, f->patch_bytes);
    return status;
}

/* Index of a query's class among the `ways` names of a patch, or -1. */
static int32_t find(const char *name, const char *names, int32_t ways)
{
    for (int32_t k = 0; k < ways; k++, names += strlen(names) + 1)
        if (strcmp(name, names) == 0)
            return k;
    return -1;
}

/* Classifies every query; the classes are `names`. */
static int32_t classify(struct program *p, struct tt_engine *engine, const char *names, int32_t ways)
{
    const struct samples *q = &p->queries;
    struct figures *f = &p->figures;
    double begun = milliseconds();
    const char **labels = grow(NULL, (size_t)ways * sizeof *labels);
    for (int32_t k = 0; k < ways; k++, names += strlen(names) + 1)
        labels[k] = names;
    for (int32_t k = 0; k < q->ways; k++)
        if (find(q->classes[k], labels[0], ways) < 0)
            die("%s: the patch has no class '%s'; remove the folder or adapt to it", p->arguments.queries, q->classes[k]);
    f->answers = grow(f->answers, (size_t)q->count * sizeof *f->answers);
    p->current = q;
    int32_t status = TT_DONE;
    for (int32_t i = 0; i < q->count && !status; i++) {
        int32_t label = 0;
        p->first = i;
        status = tt_classify(engine, &label, &f->answers[i].cosine);
        if (!status && label >= ways)
            status = TT_ADDRESS;
        if (status)
            break;
        f->answers[i].label = labels[label];
        f->answers[i].right = strcmp(labels[label], q->classes[q->labels[i]]) == 0;
    }
    free(labels);
    f->classify_ms = milliseconds() - begun;
    return status;
}

/* All of the work, in an instance that has just been made. */
static int32_t run(struct program *p, struct tt_engine *engine, const uint8_t *patch, uint32_t patch_bytes)
{
    const char *names = p->support.names;
    int32_t ways = p->support.ways;
    int32_t status = patch ? tt_restore(engine, p->model_bytes, patch, patch_bytes, &names, &ways) : adapt(p, engine);
    if (!status && p->queries.count)
        status = classify(p, engine, names, ways);
    p->figures.linear_bytes = tt_linear_bytes(engine);
    return status;
}

/* Bytes of a sample of a model; the engine checks all of its header later. */
static uint32_t tensor_bytes(const char *path, const uint8_t *model, size_t size)
{
    uint32_t sides[3];
    if (size > UINT32_MAX || size < 256 || memcmp(model, "TTM1", 4) != 0)
        die("%s: not a .ttm model", path);
    memcpy(sides, model + 40, sizeof sides);
    double values = (double)sides[0] * sides[1] * sides[2];
    if (values < 1 || values > (double)(1u << 28))
        die("%s: not a usable .ttm model: its header is out of range", path);
    return (uint32_t)values * (uint32_t)sizeof(float);
}

/*
 * Where not even planning fits into `--ram`, the engine cannot say what would be enough: asks one that has more memory,
 * but the same limit. `status` is that of the instance that was too small.
 */
static int32_t ask_least(struct program *p, const struct tt_caller *caller, struct tt_engine *engine, wasm_module_t module,
                         int32_t status)
{
    const struct tt_task task = task_of(&p->support);
    struct tt_engine large;
    int32_t answer = tt_create(&large, module, PLENTY, caller);
    if (!answer) {
        large.control->ram_budget = p->arguments.ram;
        answer = tt_choose(&large, p->model_bytes, &p->arguments.options, &task);
    }
    if (answer != TT_BUDGET && answer != TT_RAM) {
        tt_destroy(&large);
        return status;
    }
    tt_destroy(engine);
    *engine = large;
    return answer;
}

/* Makes instances until one has the memory that the engine asks for, and works in it. */
static int32_t work(struct program *p, const struct tt_caller *caller, struct tt_engine *engine, wasm_module_t module,
                    const uint8_t *patch, uint32_t patch_bytes)
{
    const struct arguments *a = &p->arguments;
    uint32_t arena = a->arena ? a->arena : PLENTY;
    for (;;) {
        int32_t status = a->ram ? tt_create_within(engine, module, a->ram, caller) : tt_create(engine, module, arena, caller);
        if (!status)
            status = run(p, engine, patch, patch_bytes);
        if (a->ram && a->support && status == TT_NEED_MEMORY)
            return ask_least(p, caller, engine, module, status);
        /* Memory of an instance cannot grow under WAMR without whole pages: another one begins from the start. */
        if (status != TT_NEED_MEMORY || a->ram || a->arena || engine->control->need_bytes <= arena)
            return status;
        arena = engine->control->need_bytes;
        tt_destroy(engine);
    }
}

int main(int argc, char **argv)
{
    struct program p = { .arguments = parse_arguments(argc, argv) };
    const struct arguments *a = &p.arguments;
    p.current = &p.support;
    const struct tt_caller caller = { &p, slice, sample, store, fetch, forget, note_loss };
    size_t wasm_size, model_size, patch_size = 0;
    uint8_t *wasm = read_file(a->wasm, &wasm_size);
    p.model = map_file(a->model, &model_size);
    uint32_t bytes = tensor_bytes(a->model, p.model, model_size);
    p.model_bytes = (uint32_t)model_size;
    uint8_t *patch = a->patch ? read_file(a->patch, &patch_size) : NULL;
    if (patch_size > UINT32_MAX)
        die("%s: not a patch", a->patch);
    if (a->support)
        p.support = read_samples(a->support, bytes);
    if (a->support && p.support.ways < 2)
        die("%s: at least two classes are needed, one folder each", a->support);
    if (a->queries)
        p.queries = read_samples(a->queries, bytes);
    char text[160];
    if (wasm_size > UINT32_MAX || !runtime_start())
        die("WAMR does not start");
    wasm_module_t module = wasm_runtime_load(wasm, (uint32_t)wasm_size, text, sizeof text);
    if (!module)
        die("%s: %s", a->wasm, text);
    p.figures.module_bytes = runtime_bytes().now;
    struct tt_engine engine;
    int32_t status = work(&p, &caller, &engine, module, patch, (uint32_t)patch_size);
    if (status) {
        tt_message(&engine, status, text, sizeof text);
        die("%s", text);
    }
    p.figures.kept_bytes = p.kept.peak;
    report(&engine, a, &p.figures, a->support ? &p.support : NULL, a->queries ? &p.queries : NULL);
    tt_destroy(&engine);
    wasm_runtime_unload(module);
    wasm_runtime_destroy();
    free(p.figures.loss);
    free(p.figures.answers);
    free_samples(&p.support);
    free_samples(&p.queries);
    free(patch);
    free(wasm);
    return 0;
}
