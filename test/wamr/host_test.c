/*
 * Gives the host everything that can be wrong with a model, a patch and memory: every byte damaged, every length, every
 * size of RAM. Each must end in a status with a message, and the same instance must work afterwards. Prints figures;
 * exits 1 at the first surprise. host.test.ts builds it with sanitizers and runs it.
 *
 *   host_test ENGINE.wasm MODEL.ttm
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "views.h"

enum { WAYS = 2, SAMPLES = 4, VALUES = 6 * 6 * 3, KEYS = 4096, OWN_ERROR = -1234 };

struct world {
    uint8_t *model;
    uint32_t model_bytes;
    uint8_t *kept[KEYS];
    uint32_t kept_bytes[KEYS];
    int calls, fail_at; /* the call of a callback that fails; 0: none */
    float poison;       /* the last value of sample 3, unless it is 0 */
    int32_t views;      /* of the adaptation */
};

#define EXPECT(condition)                                                            \
    do {                                                                             \
        if (!(condition)) {                                                          \
            printf("line %d: %s does not hold (%s)\n", __LINE__, #condition, where); \
            exit(1);                                                                 \
        }                                                                            \
    } while (0)

static char where[80];

static int fails(struct world *w)
{
    return ++w->calls == w->fail_at;
}

static int32_t slice(void *user, uint32_t offset, void *to, uint32_t bytes)
{
    struct world *w = user;
    if (fails(w))
        return OWN_ERROR;
    if (offset > w->model_bytes || bytes > w->model_bytes - offset)
        return TT_HOST_DATA;
    memcpy(to, w->model + offset, bytes);
    return TT_DONE;
}

/* Samples of two classes: noise, brighter in one of them. */
static int32_t sample(void *user, int32_t index, uint32_t offset, void *to, uint32_t bytes)
{
    struct world *w = user;
    uint32_t first = offset / 4, count = bytes / 4;
    if (fails(w))
        return OWN_ERROR;
    if (index < 0 || index >= SAMPLES || first > VALUES || count > VALUES - first)
        return TT_HOST_DATA;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t state = (uint32_t)(index + 1) * VALUES + first + i;
        for (int round = 0; round < 3; round++)
            state = (state ^ state >> 15) * 0x2c1b3c6du;
        ((float *)to)[i] = (float)(state >> 8) / (1 << 24) * 2 - 1 + 0.5f * (float)(index % WAYS);
        if (index == 3 && first + i == VALUES - 1 && w->poison != 0)
            ((float *)to)[i] = w->poison;
    }
    return TT_DONE;
}

static int32_t store(void *user, int32_t key, const void *bytes, uint32_t size)
{
    struct world *w = user;
    if (fails(w))
        return OWN_ERROR;
    EXPECT(key >= 0 && key < KEYS);
    free(w->kept[key]);
    w->kept[key] = memcpy(malloc(size), bytes, size);
    w->kept_bytes[key] = size;
    return TT_DONE;
}

static int32_t fetch(void *user, int32_t key, void *to, uint32_t size)
{
    struct world *w = user;
    if (fails(w))
        return OWN_ERROR;
    EXPECT(key >= 0 && key < KEYS && w->kept[key] && w->kept_bytes[key] == size);
    memcpy(to, w->kept[key], size);
    return TT_DONE;
}

static void forget(void *user)
{
    struct world *w = user;
    for (int i = 0; i < KEYS; i++) {
        free(w->kept[i]);
        w->kept[i] = NULL;
    }
}

static const uint16_t LABELS[SAMPLES] = { 0, 1, 0, 1 };
static const struct tt_task TASK = { LABELS, SAMPLES, WAYS, "dark\0bright", 12 };
static struct world world;
static const struct tt_caller CALLER = { &world, slice, sample, store, fetch, forget, NULL };

static struct tt_options small_options(void)
{
    struct tt_options options = tt_defaults();
    options.iterations = 2;
    options.variants = 1;
    options.share = 1;
    options.views = world.views;
    return options;
}

/* An adaptation from begin to end. */
static int32_t adapt(struct tt_engine *engine, const uint8_t **patch, uint32_t *bytes)
{
    struct tt_options options = small_options();
    int32_t status = tt_choose(engine, world.model_bytes, &options, &TASK);
    return status ? status : tt_train(engine, &TASK, patch, bytes);
}

/* A status below zero that the messages know. */
static void expect_error(const struct tt_engine *engine, int32_t status)
{
    char text[200] = "";
    tt_message(engine, status, text, sizeof text);
    EXPECT(status < 0 && text[0] && !strstr(text, "unknown status"));
}

static void damaged_models(struct tt_engine *engine)
{
    uint32_t whole = world.model_bytes;
    for (uint32_t at = 0; at < whole; at++)
        for (int bit = 0; bit < 8; bit += at < 128 + 128 * 2 ? 1 : 7) {
            snprintf(where, sizeof where, "bit %d of byte %u of the model", bit, (unsigned)at);
            world.model[at] ^= (uint8_t)(1 << bit);
            expect_error(engine, tt_open(engine, whole));
            EXPECT(tt_begin(engine, TT_JOB_EMBED) == -11);
            world.model[at] ^= (uint8_t)(1 << bit);
        }
    uint8_t *model = world.model;
    for (uint32_t bytes = 0; bytes < whole; bytes++) {
        snprintf(where, sizeof where, "the first %u bytes of the model", (unsigned)bytes);
        /* A block of its own, so that a sanitizer sees whoever reads beyond it. */
        world.model = memcpy(malloc(bytes ? bytes : 1), model, bytes);
        world.model_bytes = bytes;
        expect_error(engine, tt_open(engine, bytes));
        free(world.model);
    }
    world.model = model;
    world.model_bytes = whole;
    snprintf(where, sizeof where, "the model is whole again");
    EXPECT(tt_open(engine, whole) == TT_DONE);
}

static void damaged_patches(struct tt_engine *engine, uint8_t *patch, uint32_t whole)
{
    const char *names;
    int32_t ways, label;
    EXPECT(tt_open(engine, world.model_bytes) == TT_DONE);
    for (uint32_t at = 0; at < whole; at++) {
        snprintf(where, sizeof where, "byte %u of the patch", (unsigned)at);
        patch[at] ^= 0x10;
        expect_error(engine, tt_apply(engine, patch, whole));
        patch[at] ^= 0x10;
    }
    for (uint32_t bytes = 0; bytes < whole; bytes++) {
        snprintf(where, sizeof where, "the first %u bytes of the patch", (unsigned)bytes);
        uint8_t *part = memcpy(malloc(bytes ? bytes : 1), patch, bytes);
        expect_error(engine, tt_apply(engine, part, bytes));
        free(part);
    }
    snprintf(where, sizeof where, "the patch is whole again");
    EXPECT(tt_restore(engine, world.model_bytes, patch, whole, &names, &ways) == TT_DONE);
    EXPECT(ways == WAYS && strcmp(names, "dark") == 0 && strcmp(names + 5, "bright") == 0);
    EXPECT(tt_classify(engine, &label, NULL) == TT_DONE && label >= 0 && label < WAYS);
}

/* Every call of a callback fails once: its status comes back, and the instance works on. */
static int failing_callbacks(struct tt_engine *engine, const uint8_t *expected, uint32_t expected_bytes)
{
    const uint8_t *patch;
    uint32_t bytes;
    world.calls = world.fail_at = 0;
    EXPECT(adapt(engine, &patch, &bytes) == TT_DONE);
    int calls = world.calls;
    for (int at = 1; at <= calls; at += 1 + at / 8) {
        snprintf(where, sizeof where, "call %d of a callback fails", at);
        world.calls = 0;
        world.fail_at = at;
        EXPECT(adapt(engine, &patch, &bytes) == OWN_ERROR);
    }
    world.fail_at = 0;
    snprintf(where, sizeof where, "after callbacks that failed");
    EXPECT(adapt(engine, &patch, &bytes) == TT_DONE);
    EXPECT(bytes == expected_bytes && memcmp(patch, expected, bytes) == 0);
    return calls;
}

/* Values that are no numbers, and jobs that are run in small pieces or given up. */
static void pieces(struct tt_engine *engine, const uint8_t *expected, uint32_t expected_bytes)
{
    const uint8_t *patch;
    uint32_t bytes;
    static const float POISONS[] = { NAN, INFINITY, -INFINITY };
    for (int i = 0; i < 3; i++) {
        snprintf(where, sizeof where, "poison %d", i);
        world.poison = POISONS[i];
        EXPECT(adapt(engine, &patch, &bytes) == TT_NOT_FINITE);
        expect_error(engine, TT_NOT_FINITE);
    }
    world.poison = 0;
    snprintf(where, sizeof where, "a job in pieces");
    struct tt_options options = small_options();
    EXPECT(tt_choose(engine, world.model_bytes, &options, &TASK) == TT_DONE);
    EXPECT(tt_begin(engine, TT_JOB_TRAIN) == TT_DONE && tt_run(engine, 3) == TT_YIELD);
    EXPECT(tt_stop(engine) == TT_DONE && tt_run(engine, 3) == -11);
    EXPECT(tt_begin(engine, TT_JOB_TRAIN) == TT_DONE);
    int yields = 0;
    int32_t status;
    while ((status = tt_run(engine, 3)) == TT_YIELD)
        yields++;
    EXPECT(status == TT_DONE && yields > 10);
    EXPECT(tt_finish(engine, &TASK, &patch, &bytes) == TT_DONE);
    EXPECT(bytes == expected_bytes && memcmp(patch, expected, bytes) == 0);
}

/* Views: callbacks that fail, patches that ask for more than there are, and options that do. */
static void more_views(struct tt_engine *engine)
{
    const uint8_t *bytes;
    uint32_t size;
    const char *names;
    int32_t ways, label;
    world.views = 3;
    EXPECT(adapt(engine, &bytes, &size) == TT_DONE);
    uint8_t *patch = memcpy(malloc(size), bytes, size);
    failing_callbacks(engine, patch, size);
    pieces(engine, patch, size);
    snprintf(where, sizeof where, "a prototype that is too large");
    float *prototype = tt_at(engine, engine->control->prototypes_pointer, sizeof *prototype, 4);
    EXPECT(prototype);
    *prototype = FLT_MAX;
    EXPECT(tt_views_prototypes(engine, &TASK) == TT_VIEW_FEATURES);
    expect_error(engine, TT_VIEW_FEATURES);
    for (int32_t views = 0; views <= TT_MAX_VIEWS + 1; views++) {
        snprintf(where, sizeof where, "a patch of %d views", (int)views);
        tt_views_write(patch, size, views);
        int32_t status = tt_restore(engine, world.model_bytes, patch, size, &names, &ways);
        if (views > TT_MAX_VIEWS) {
            EXPECT(status == TT_VIEWS && engine->views == 1 && tt_classify(engine, &label, NULL) == TT_ADDRESS);
            expect_error(engine, status);
        } else
            EXPECT(status == TT_DONE && engine->views == (views ? views : 1) && tt_classify(engine, &label, NULL) == TT_DONE);
    }
    free(patch);
    snprintf(where, sizeof where, "options with too many views");
    world.views = TT_MAX_VIEWS + 1;
    EXPECT(adapt(engine, &bytes, &size) == TT_VIEWS);
    world.views = 1;
}

/* An adaptation inside `ram` bytes: its status. `least`: what the engine says is enough, where it says so. */
static int32_t within(wasm_module_t module, uint32_t ram, uint32_t *least)
{
    struct tt_engine engine;
    const uint8_t *patch;
    uint32_t bytes;
    snprintf(where, sizeof where, "%u bytes of RAM", (unsigned)ram);
    int32_t status = tt_create_within(&engine, module, ram, &CALLER);
    if (!status) {
        EXPECT(tt_linear_bytes(&engine) <= ram);
        status = adapt(&engine, &patch, &bytes);
    }
    if (status) {
        expect_error(&engine, status);
        EXPECT(status == TT_RAM || status == TT_NEED_MEMORY || status == TT_BUDGET);
    } else
        EXPECT(engine.control->peak_bytes <= ram);
    if (status == TT_BUDGET)
        *least = engine.control->least_ram;
    tt_destroy(&engine);
    return status;
}

/* Sizes of RAM from none to plenty: an error, or an adaptation that holds it. Returns the least that is enough. */
static uint32_t little_ram(wasm_module_t module, uint32_t plenty)
{
    uint32_t said = 0, enough = 0;
    for (uint32_t ram = 0; ram <= plenty; ram += 48) {
        int32_t status = within(module, ram, &said);
        EXPECT(enough ? status == TT_DONE : true);
        enough |= !status;
    }
    uint32_t least = (said + 15) & ~15u;
    EXPECT(enough && said > 0 && within(module, least, &said) == TT_DONE && within(module, least - 16, &said) != TT_DONE);
    return least;
}

static uint8_t *read_file(const char *path, uint32_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0)
        exit(2);
    *size = (uint32_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*size);
    if (fread(bytes, 1, *size, file) != *size)
        exit(2);
    fclose(file);
    return bytes;
}

int main(int argc, char **argv)
{
    uint32_t wasm_bytes, patch_bytes;
    char text[128];
    if (argc != 3 || !wasm_runtime_init())
        return 2;
    wasm_runtime_set_log_level(WASM_LOG_LEVEL_FATAL);
    uint8_t *wasm = read_file(argv[1], &wasm_bytes);
    world.views = 1;
    world.model = read_file(argv[2], &world.model_bytes);
    wasm_module_t module = wasm_runtime_load(wasm, wasm_bytes, text, sizeof text);
    if (!module)
        return 2;
    struct tt_engine engine;
    const uint8_t *bytes;
    EXPECT(tt_create(&engine, module, 1 << 20, &CALLER) == TT_DONE);
    damaged_models(&engine);
    EXPECT(adapt(&engine, &bytes, &patch_bytes) == TT_DONE);
    uint8_t *patch = memcpy(malloc(patch_bytes), bytes, patch_bytes);
    uint32_t needed = engine.control->peak_bytes;
    int calls = failing_callbacks(&engine, patch, patch_bytes);
    pieces(&engine, patch, patch_bytes);
    damaged_patches(&engine, patch, patch_bytes);
    more_views(&engine);
    tt_destroy(&engine);
    uint32_t least = little_ram(module, needed + 1024);
    world.views = 2;
    EXPECT(little_ram(module, needed + 1024) == least);
    printf("{\"model\": %u, \"patch\": %u, \"calls\": %d, \"needed\": %u, \"leastRam\": %u}\n", (unsigned)world.model_bytes,
           (unsigned)patch_bytes, calls, (unsigned)needed, (unsigned)least);
    wasm_runtime_unload(module);
    wasm_runtime_destroy();
    free(patch);
    free(world.model);
    free(wasm);
    return 0;
}
