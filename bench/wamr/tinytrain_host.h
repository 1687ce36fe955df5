/*
 * The host of the tinytrain engine under WAMR: what src/engine.ts is for JavaScript. It gives an instance its arena,
 * answers what a job asks for through the caller's functions, and turns status codes into messages. C11, the C library
 * and wasm_export.h; docs/abi.md is the reference. Little-endian machines only, as WebAssembly's memory is read in
 * place. A module that is not the engine, or lies about addresses, ends in a status, never in a fault.
 */
#ifndef TINYTRAIN_HOST_H
#define TINYTRAIN_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wasm_export.h"

/* Answers of the engine (assembly/engine/status.ts) that a host looks at. */
enum {
    TT_DONE = 0,
    TT_SAMPLE = 1,
    TT_STORE = 2,
    TT_FETCH = 3,
    TT_YIELD = 4,
    TT_ITERATION = 5,
    TT_SLICE = 6,
    TT_MODEL_SIZE = -3,
    TT_MODEL_INVALID = -5,
    TT_NEED_MEMORY = -6,
    TT_BUDGET = -10,
    TT_RAM = -21,
};

/* What can go wrong on this side. */
enum {
    TT_TRAP = -100,        /* WAMR stopped the module; `trap` of the engine says why */
    TT_ADDRESS = -101,     /* the module named an address or a key that is not its own */
    TT_HOST_MEMORY = -102, /* the machine has no memory left */
    TT_MODULE = -103,      /* not a module with the engine's exports; `trap` says what is missing */
    TT_HOST_DATA = -104,   /* a function of the caller had no such sample, block or slice */
    TT_NOT_FINITE = -105,  /* a sample has a value that is no finite number */
    TT_VIEWS = -106,       /* more views of a picture than there are, or none */
    TT_VIEW_FEATURES = -107, /* features of a view are too large for a prototype */
};

enum tt_job { TT_JOB_EMBED, TT_JOB_PROBE, TT_JOB_FISHER, TT_JOB_TRAIN, TT_JOB_CHECK };
/* Views of a picture, the whole among them (views.h). */
enum { TT_MAX_VIEWS = 6 };
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
    uint32_t labels_pointer, prototypes_pointer, features_pointer, scores_pointer, ram_budget;
    int32_t recompute, stored_values;
    uint32_t static_bytes, plan_low, plan_high, checksum, inference_bytes, least_ram, free_pointer, name_bytes, step_code;
    int32_t step_operator;
    uint32_t io_offset;
    int32_t shard, shards, queries, draws;
};
_Static_assert(offsetof(struct tt_control, compute_budget) == 48, "control block");
_Static_assert(offsetof(struct tt_control, backward_macs) == 104, "control block");
_Static_assert(offsetof(struct tt_control, least_macs) == 136, "control block");
_Static_assert(offsetof(struct tt_control, ram_budget) == 184, "control block");
_Static_assert(offsetof(struct tt_control, name_bytes) == 224, "control block");
_Static_assert(offsetof(struct tt_control, io_offset) == 236, "control block");
_Static_assert(offsetof(struct tt_control, draws) == 252, "control block");

/* A layer in the engine's table (assembly/engine/arena.ts). */
struct tt_layer {
    int32_t op, kind, count;
    uint32_t channels, delta;
    float fisher, score;
    int32_t inspected;
    uint32_t gradient, values;
    int32_t floats, floats_of;
    uint32_t states;
};
_Static_assert(sizeof(struct tt_layer) == 52, "layer record");

/*
 * What the engine needs of its caller. Each function answers TT_DONE, or a status below zero (TT_HOST_DATA, or one of the
 * caller's own below -1000) that ends the job. They may be called from tt_open and tt_run only.
 */
struct tt_caller {
    void *user;
    /* Writes `bytes` bytes of the model file, from `offset` on, to `to`. */
    int32_t (*slice)(void *user, uint32_t offset, void *to, uint32_t bytes);
    /*
     * Writes `bytes` bytes of the preprocessed tensor of a sample, NHWC floats, from byte `offset` on, to `to`: all of it,
     * or, for an int8 model and for views, whole floats piece by piece. TT_JOB_EMBED asks for sample 0, and for all of them
     * where tt_train makes prototypes of views.
     */
    int32_t (*sample)(void *user, int32_t index, uint32_t offset, void *to, uint32_t bytes);
    /* Keeps a block under a key until `forget`; a key may be stored again. */
    int32_t (*store)(void *user, int32_t key, const void *bytes, uint32_t size);
    /* Writes the block that was stored under a key, which had `size` bytes, to `to`. */
    int32_t (*fetch)(void *user, int32_t key, void *to, uint32_t size);
    /* A job begins or has ended: nothing that was stored is asked for again. */
    void (*forget)(void *user);
    /* Called after each iteration; may be NULL. */
    void (*iteration)(void *user, int32_t iteration, float loss);
};

/* Exports of the module, in the order of the table in tinytrain_host.c. */
enum tt_export {
    TT_CONTROL, TT_OPEN, TT_TASK, TT_BEGIN, TT_STEP, TT_STOP, TT_SCORE, TT_SELECT, TT_COST, TT_PATCH_SIZE, TT_PATCH_WRITE,
    TT_PATCH_APPLY, TT_EXPORTS
};

/* One instance of the engine. */
struct tt_engine {
    wasm_module_inst_t instance;
    wasm_exec_env_t env;
    wasm_function_inst_t exports[TT_EXPORTS];
    const struct tt_caller *caller;
    struct tt_control *control; /* NULL until tt_create has succeeded */
    uint32_t control_address;
    uint32_t arena; /* address; below it lie the engine's static data and nothing else */
    int32_t views;  /* of a picture, by which tt_train makes prototypes and tt_classify classifies */
    int32_t view, viewed; /* unless 0, what TT_JOB_EMBED sees now: this view of this sample of the caller */
    char trap[128];
};

/*
 * Makes an instance whose arena has `arena_bytes` bytes, rounded up to 16. Linear memory then ends where the arena ends.
 * After an error tt_destroy is still to be called. `caller` must outlive the engine.
 */
int32_t tt_create(struct tt_engine *engine, wasm_module_t module, uint32_t arena_bytes, const struct tt_caller *caller);

/*
 * The same for at most `ram` bytes of linear memory, static data included; sets the control block's ram_budget.
 * TT_NEED_MEMORY if not even the static data fit.
 */
int32_t tt_create_within(struct tt_engine *engine, wasm_module_t module, uint32_t ram, const struct tt_caller *caller);

/* Frees an instance. */
void tt_destroy(struct tt_engine *engine);

/*
 * Opens the model file of `bytes` bytes that the caller's `slice` reads: its head goes into the arena, its weights stay
 * where they are. Every weight is the file's again, nothing is selected, and the checksum has been verified.
 */
int32_t tt_open(struct tt_engine *engine, uint32_t bytes);

/* Declares the task: the class of each sample. */
int32_t tt_set_task(struct tt_engine *engine, const uint16_t *labels, int32_t samples, int32_t ways);

/* Lays out a job; figures of its plan are in the control block afterwards. */
int32_t tt_begin(struct tt_engine *engine, enum tt_job job);

/* Runs the job that has begun: TT_DONE at its end, or TT_YIELD after about `steps` steps (0: all), or an error. */
int32_t tt_run(struct tt_engine *engine, int32_t steps);

/* Gives the job up. */
int32_t tt_stop(struct tt_engine *engine);

/*
 * Calls an export that takes integers and answers with a status or with nothing. For those that take none: TT_SCORE
 * writes the scores of the layers by the criterion of the control block, TT_SELECT selects layers and channels by score
 * inside the budgets, TT_COST computes what training the selection takes, and the MACs of training everything.
 */
int32_t tt_call(struct tt_engine *engine, enum tt_export which, const uint32_t *arguments);

/* A layer's record, or NULL. */
struct tt_layer *tt_layer(struct tt_engine *engine, int32_t index);

/* Whether the arena has room for the patch of what is selected; TT_NEED_MEMORY if not. To be asked before training. */
int32_t tt_patch_fits(struct tt_engine *engine, uint32_t name_bytes);

/*
 * Writes the patch where the job's activations were. `names`: each class name with a zero byte behind it. `*patch` lies
 * in linear memory and is good until the next call.
 */
int32_t tt_patch(struct tt_engine *engine, const char *names, uint32_t name_bytes, const uint8_t **patch, uint32_t *bytes);

/* Puts a patch into the model, whose weights must be the file's (tt_open). A patch that is refused changes nothing. */
int32_t tt_apply(struct tt_engine *engine, const uint8_t *patch, uint32_t bytes);

/*
 * Native pointer to `bytes` bytes at an address of the module, or NULL if they are not all inside its memory, or the
 * address is no multiple of `alignment`.
 */
void *tt_at(struct tt_engine *engine, uint64_t address, uint64_t bytes, uint32_t alignment);

/* Bytes of linear memory. */
uint64_t tt_linear_bytes(struct tt_engine *engine);

/* Writes what a status below zero means, in one line (tinytrain_status.c). */
void tt_message(const struct tt_engine *engine, int32_t status, char *text, size_t size);

#endif
