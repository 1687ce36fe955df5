/*
 * The host of the tinytrain engine under WAMR: what src/engine.ts is for JavaScript. It gives an instance its arena,
 * hands over samples, keeps what the engine wants kept, and turns status codes into messages. docs/abi.md is the
 * reference. Little-endian machines only, as WebAssembly's memory is read in place.
 */
#ifndef TINYTRAIN_HOST_H
#define TINYTRAIN_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wasm_export.h"

/* Answers of the engine (assembly/engine/status.ts) that a caller looks at. */
enum {
    TT_DONE = 0,
    TT_SAMPLE = 1,
    TT_STORE = 2,
    TT_FETCH = 3,
    TT_YIELD = 4,
    TT_ITERATION = 5,
    TT_NEED_MEMORY = -6,
    TT_BUDGET = -10,
};

/* What can go wrong on this side. */
enum {
    TT_TRAP = -100,        /* WAMR stopped the module; `trap` of the engine says why */
    TT_ADDRESS = -101,     /* the module named an address or a key that is not its own */
    TT_HOST_MEMORY = -102, /* the machine has no memory left */
    TT_MODULE = -103,      /* not a module with the engine's exports; `trap` says what is missing */
};

enum tt_job { TT_JOB_EMBED, TT_JOB_PROBE, TT_JOB_FISHER, TT_JOB_TRAIN };
enum tt_kind { TT_FROZEN, TT_BIAS, TT_WEIGHTS };

/* The control block; what the fields mean is in assembly/engine/control.ts. */
struct tt_control {
    uint32_t arena_bytes;
    int32_t ways, samples, iterations, optimizer;
    float lr, temperature;
    uint32_t augment, seed;
    int32_t variants, criterion;
    uint32_t memory_budget;
    double compute_budget;
    uint32_t need_bytes;
    int32_t detail;
    uint32_t io_pointer, io_bytes;
    int32_t io_index;
    float loss;
    int32_t iteration, done, total, phase;
    uint32_t backward_bytes, peak_bytes;
    double backward_macs, full_macs, forward_macs;
    uint32_t least_bytes;
    int32_t inspect_from;
    double least_macs;
    int32_t probe_plain, probe_mirrored;
    uint32_t layers_pointer;
    int32_t layer_count, op_count, feature_count;
    uint32_t labels_pointer, prototypes_pointer, features_pointer, scores_pointer, patch_bytes;
    int32_t recompute, stored_values;
    uint32_t static_bytes, plan_low, plan_high, checksum, inference_bytes;
};
_Static_assert(offsetof(struct tt_control, compute_budget) == 48, "control block");
_Static_assert(offsetof(struct tt_control, backward_macs) == 104, "control block");
_Static_assert(offsetof(struct tt_control, least_macs) == 136, "control block");
_Static_assert(offsetof(struct tt_control, inference_bytes) == 212, "control block");

/* A layer in the engine's table (assembly/engine/arena.ts). */
struct tt_layer {
    int32_t op, kind, count;
    uint32_t channels, delta;
    float fisher, score;
    int32_t inspected;
    uint32_t gradient, state;
    int32_t floats, reserved;
};
_Static_assert(sizeof(struct tt_layer) == 48, "layer record");

/* Exports of the module, in the order of the table in tinytrain_host.c. */
enum tt_export {
    TT_CONTROL, TT_OPEN, TT_TASK, TT_BEGIN, TT_STEP, TT_STOP, TT_SCORE, TT_SELECT, TT_COST, TT_PATCH_SIZE, TT_PATCH_WRITE,
    TT_EXPORTS
};

/* A block that the engine wants kept. */
struct tt_kept {
    uint8_t *bytes;
    uint32_t size;
};

/* One instance of the engine. Nothing in it moves: pointers into its memory stay good until tt_destroy. */
struct tt_engine {
    wasm_module_inst_t instance;
    wasm_exec_env_t env;
    wasm_function_inst_t exports[TT_EXPORTS];
    struct tt_control *control;
    uint32_t arena; /* address */
    struct tt_kept *kept;
    size_t kept_count;
    size_t kept_bytes, kept_peak;
    char trap[128];
};

/* What a job needs of its caller. */
struct tt_caller {
    /* The preprocessed tensor of a sample, NHWC, of `bytes` bytes. NULL ends the job with TT_ADDRESS. */
    const float *(*sample)(void *user, int32_t index, uint32_t bytes);
    /* Called after each iteration; may be NULL. */
    void (*iteration)(void *user, int32_t iteration, float loss);
    void *user;
};

/* Bytes that the runtime has allocated beside linear memory: now, and at most so far. */
struct tt_runtime_bytes {
    size_t now, peak;
};

/* Starts WAMR with an allocator that counts. */
bool tt_runtime_start(void);

/* What WAMR has allocated; linear memory does not count, as it does not come from this allocator. */
struct tt_runtime_bytes tt_runtime_bytes(void);

/* Makes an instance whose arena has exactly `arena_bytes` bytes. After an error tt_destroy is still to be called. */
int32_t tt_create(struct tt_engine *engine, wasm_module_t module, uint32_t arena_bytes);

/* Frees an instance and what it had kept. */
void tt_destroy(struct tt_engine *engine);

/* Puts a model into the arena and opens it; every weight is the file's again, and nothing is selected. */
int32_t tt_open(struct tt_engine *engine, const uint8_t *model, uint32_t bytes);

/* Declares the task: the class of each sample. */
int32_t tt_task(struct tt_engine *engine, const uint16_t *labels, int32_t samples, int32_t ways);

/* Lays out a job; figures of its plan are in the control block afterwards. */
int32_t tt_begin(struct tt_engine *engine, enum tt_job job);

/* Runs the job that has begun to its end. */
int32_t tt_run(struct tt_engine *engine, const struct tt_caller *caller);

/* Gives the job up. */
int32_t tt_stop(struct tt_engine *engine);

/* Writes the scores of the layers by the criterion of the control block. */
int32_t tt_score(struct tt_engine *engine);

/* Selects layers and channels by score, inside both budgets. */
int32_t tt_select(struct tt_engine *engine);

/* A layer's record, or NULL. */
struct tt_layer *tt_layer(struct tt_engine *engine, int32_t index);

/* Selects all of a layer with `channels` channels: TT_FROZEN, TT_BIAS, or TT_WEIGHTS of every channel. */
int32_t tt_select_layer(struct tt_engine *engine, int32_t index, enum tt_kind kind, int32_t channels);

/* Whether the arena has room for the patch of what is selected; TT_NEED_MEMORY if not. To be asked before training. */
int32_t tt_patch_fits(struct tt_engine *engine, uint32_t name_bytes);

/*
 * Writes the patch behind the task, where the job's activations were. `names`: each class name with a zero byte behind
 * it. `*patch` lies in linear memory and is good until the next call.
 */
int32_t tt_patch(struct tt_engine *engine, const char *names, uint32_t name_bytes, const uint8_t **patch, uint32_t *bytes);

/* Native pointer to `bytes` bytes at an address of the module, or NULL if they are not all inside its memory. */
void *tt_at(struct tt_engine *engine, uint32_t address, uint64_t bytes);

/* Bytes of linear memory, whatever a page of this instance has. */
uint64_t tt_linear_bytes(struct tt_engine *engine);

/* Writes what a status below zero means, in one line. */
void tt_message(const struct tt_engine *engine, int32_t status, char *text, size_t size);

#endif
