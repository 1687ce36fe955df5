/*
 * The whole job on a board: adapts the model in flash to the support images in flash, classifies the queries, and prints
 * what it found, and what it took, as JSON. What goes wrong is printed in one line, and the status is 1.
 */
#include "job.h"

#include <inttypes.h>
#include <string.h>

#include "board.h"
#include "engine.h"
#include "sha256.h"
#include "store.h"

/* Jobs of the engine that choosing and training take, the check of the model included; each begins and ends with `forget`. */
#define MARKS 16
/* The mark that the check of the model ends with: opening, its begin, its end. */
#define CHECKED 2

/* The state of the run. */
static struct {
    const struct job_images *images; /* that the engine gets now */
    int32_t first;                   /* which of them is its sample 0 */
    uint64_t begun, marks[MARKS], chosen, first_iteration, last_iteration, trained, classified;
    int mark_count;
    int32_t iterations, restarts, right;
    float first_loss, last_loss;
    const uint8_t *patch;
    uint32_t patch_bytes, linear_used, backward_bytes;
    uint8_t digest[32];
} run;

/* ---- what the engine asks for ---- */

static int32_t give_slice(void *user, uint32_t offset, void *to, uint32_t bytes)
{
    (void)user;
    if (offset > job.model_bytes || bytes > job.model_bytes - offset)
        return TT_ADDRESS;
    memcpy(to, job.model + offset, bytes);
    return TT_DONE;
}

/* A sample as the network reads it: the same floats as src/image.ts makes, by the table that it made. */
static int32_t give_sample(void *user, int32_t index, uint32_t offset, void *to, uint32_t bytes)
{
    (void)user;
    uint32_t first = offset / sizeof(float), count = bytes / sizeof(float);
    if (index < 0 || index >= run.images->count - run.first || first > job.image_bytes || count > job.image_bytes - first)
        return TT_HOST_DATA;
    const uint8_t *pixels = run.images->pixels + (size_t)(run.first + index) * job.image_bytes + first;
    uint32_t channel = first % job.channels;
    for (uint32_t i = 0; i < count; i++) {
        memcpy((uint8_t *)to + i * sizeof(float), &job.values[pixels[i] * job.channels + channel], sizeof(float));
        channel = channel + 1 == job.channels ? 0 : channel + 1;
    }
    return TT_DONE;
}

static int32_t put(void *user, int32_t key, const void *bytes, uint32_t size)
{
    (void)user;
    return store_put(key, bytes, size);
}

static int32_t get(void *user, int32_t key, void *to, uint32_t size)
{
    (void)user;
    return store_get(key, to, size);
}

static void forget(void *user)
{
    (void)user;
    if (run.mark_count < MARKS)
        run.marks[run.mark_count++] = board_instructions();
    store_forget();
}

static void note(void *user, int32_t iteration, float loss)
{
    (void)user, (void)iteration;
    run.last_iteration = board_instructions();
    run.last_loss = loss;
    if (run.iterations++ == 0) {
        run.first_iteration = run.last_iteration;
        run.first_loss = loss;
    }
}

static const struct tt_caller caller = {
    .slice = give_slice, .sample = give_sample, .store = put, .fetch = get, .forget = forget, .iteration = note,
};

/* ---- the job ---- */

/* Adapts and classifies, with an arena of any size. */
static int32_t work(struct tt_engine *engine)
{
    const struct tt_task task = { job.support.labels, job.support.count, job.ways, job.names, job.name_bytes };
    run.images = &job.support;
    run.first = run.mark_count = run.iterations = run.right = 0;
    run.begun = board_instructions();
    int32_t status = tt_choose(engine, job.model_bytes, &job.options, &task);
    run.chosen = board_instructions();
    if (!status)
        status = tt_train(engine, &task, &run.patch, &run.patch_bytes);
    run.trained = board_instructions();
    if (status)
        return status;
    run.backward_bytes = engine->control->backward_bytes;
    sha256(run.patch, run.patch_bytes, run.digest);
    run.images = &job.queries;
    uint64_t begun = board_instructions();
    for (; !status && run.first < job.queries.count; run.first++) {
        int32_t label = -1;
        status = tt_classify(engine, &label, NULL);
        run.right += label == job.queries.labels[run.first];
    }
    run.classified = board_instructions() - begun;
    run.linear_used = engine->control->peak_bytes;
    return status;
}

/* ---- the report ---- */

/* A count of more than 32 bits, which newlib's small printf does not have. */
static void print_count(const char *name, uint64_t count)
{
    char digits[21], *at = digits + sizeof digits - 1;
    *at = 0;
    do
        *--at = (char)('0' + count % 10);
    while (count /= 10);
    board_print("\"%s\": %s", name, at);
}

/* The bits of a float: printing floats in decimal takes memory of the heap, and 9 KB of flash. */
static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/*
 * Instructions by phase. The third mark is the end of the model's check. The last two marks before the choice is made are
 * begin and end of the Fisher pass, the two before them those of the probe, where there are such jobs. A selection comes
 * behind the Fisher pass or, without one, right behind the check; the layout of the task counts with what it lies in.
 */
static void print_instructions(void)
{
    bool probe = job.options.method != TT_NONE && job.options.augment == TT_AUGMENT_AUTO;
    bool fisher = tt_inspects(job.options.method);
    const uint64_t *at = run.marks;
    while (at < run.marks + run.mark_count && *at < run.chosen)
        at++;
    uint64_t fisher_took = 0, probe_took = 0, checked = run.chosen, selection_took = 0;
    if (fisher) {
        selection_took = run.chosen - at[-1];
        at -= 2;
        fisher_took = at[1] - at[0];
        checked = at[0];
    }
    if (probe) {
        at -= 2;
        probe_took = at[1] - at[0];
        checked = at[0];
    }
    if (!fisher) {
        selection_took = checked - run.marks[CHECKED];
        checked = run.marks[CHECKED];
    }
    board_print(" \"instructions\": {");
    print_count("check", checked - run.begun);
    board_print(", ");
    print_count("probe", probe_took);
    board_print(", ");
    print_count("fisher", fisher_took);
    board_print(", ");
    print_count("selection", selection_took);
    board_print(", ");
    print_count("step", run.iterations > 1 ? (run.last_iteration - run.first_iteration) / (uint64_t)(run.iterations - 1) : 0);
    board_print(", ");
    print_count("adapt", run.trained - run.begun);
    board_print(", ");
    print_count("inference", job.queries.count ? run.classified / (uint64_t)job.queries.count : 0);
    board_print(", ");
    print_count("total", board_instructions());
    board_print("},\n");
}

static void report(struct tt_engine *engine)
{
    struct board_memory stack = board_stack(), heap = board_heap();
    size_t store;
    board_store(&store);
    board_print("{\"status\": 0, \"sha256\": \"");
    for (int i = 0; i < 32; i++)
        board_print("%02x", run.digest[i]);
    board_print("\", \"patchBytes\": %" PRIu32 ",\n", run.patch_bytes);
    board_print(" \"right\": %" PRId32 ", \"queries\": %" PRId32 ",\n", run.right, job.queries.count);
    board_print(" \"iterations\": %" PRId32 ", \"lossBits\": [%" PRIu32 ", %" PRIu32 "], \"restarts\": %" PRId32 ",\n", run.iterations,
           bits_of(run.first_loss), bits_of(run.last_loss), run.restarts);
    print_instructions();
    unsigned long linear = (unsigned long)tt_linear_bytes(engine);
    board_print(" \"highWater\": {\"linear\": %" PRIu32 ", \"runtimeHeap\": %lu, \"stack\": %lu, \"static\": %lu, \"store\": %lu},\n",
           run.linear_used, (unsigned long)heap.peak, (unsigned long)stack.peak, (unsigned long)board_static_bytes(),
           (unsigned long)store_peak());
    board_print(" \"given\": {\"linear\": %lu, \"stack\": %lu, \"heap\": %lu, \"store\": %lu},\n", linear, (unsigned long)stack.size,
           (unsigned long)heap.size, (unsigned long)store);
    size_t blobs = board_blob_bytes();
    board_print(" \"backwardBytes\": %" PRIu32 ", \"flash\": {\"code\": %lu, \"wasm\": %" PRIu32 ", \"model\": %" PRIu32
           ", \"samples\": %lu, \"total\": %lu}}\n", run.backward_bytes, (unsigned long)(board_flash_bytes() - blobs), job.wasm_bytes,
           job.model_bytes, (unsigned long)(blobs - job.wasm_bytes - job.model_bytes), (unsigned long)board_flash_bytes());
}

/* Ends with one line, as JSON. */
static int fail(int32_t status, const char *message)
{
    board_print("{\"status\": %" PRId32 ", \"message\": \"%s\"}\n", status, message);
    return 1;
}

int main(void)
{
    char text[160];
    wasm_module_t module = engine_load(job.wasm, job.wasm_bytes, text, sizeof text);
    if (!module)
        return fail(TT_MODULE, text);
    struct tt_engine engine;
    uint32_t arena = job.arena;
    int32_t status;
    for (;;) {
        status = job.ram ? tt_create_within(&engine, module, job.ram, &caller) : tt_create(&engine, module, arena, &caller);
        if (!status)
            status = work(&engine);
        /* Memory of an instance cannot grow: another one begins from the start. */
        if (status != TT_NEED_MEMORY || job.ram || engine.control->need_bytes <= arena)
            break;
        arena = engine.control->need_bytes;
        run.restarts++;
        tt_destroy(&engine);
    }
    if (status == STORE_FULL)
        return fail(status, "the store is too small for what is frozen: give more (--store), or keep nothing (--variants 0)");
    if (status) {
        tt_message(&engine, status, text, sizeof text);
        return fail(status, text);
    }
    report(&engine);
    return 0;
}
