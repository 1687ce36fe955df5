/*
 * The adaptation as a sequence of the host's calls: what src/choose.ts and src/tinytrain.ts do. Portable: no files, no
 * clock, no allocation. A program's own part is the caller's functions (struct tt_caller), which give samples and model.
 */
#ifndef TINYTRAIN_ADAPT_H
#define TINYTRAIN_ADAPT_H

#include "tinytrain_host.h"

enum tt_method { TT_TINYTRAIN, TT_LASTLAYER, TT_FULLTRAIN, TT_BIASONLY, TT_NONE, TT_DEEPTRAIN, TT_THINTRAIN, TT_METHODS };
/* DEPTH: the last layer first; the host writes these scores itself. */
enum tt_criterion { TT_CRITERION_TINYTRAIN, TT_CRITERION_FISHER, TT_CRITERION_L2, TT_CRITERION_RANDOM, TT_CRITERION_DEPTH };
enum tt_optimizer { TT_SGD, TT_MOMENTUM, TT_ADAM, TT_LOMO };
enum tt_augment { TT_AUGMENT_AUTO, TT_AUGMENT_NONE, TT_AUGMENT_NOFLIP };

/* The optimiser and learning rate of a method; those of src/defaults.ts. */
struct tt_training {
    enum tt_optimizer optimizer;
    float lr;
};
extern const struct tt_training tt_training[TT_METHODS];

/* Options of an adaptation; tt_defaults gives all of them their default. */
struct tt_options {
    enum tt_method method;
    int32_t criterion; /* enum tt_criterion; -1: that of the method; TT_THINTRAIN has none */
    enum tt_augment augment;
    int32_t optimizer; /* enum tt_optimizer; -1: that of the method */
    float lr;          /* 0: that of the method */
    float temperature;
    int32_t iterations, variants;
    uint32_t seed;
    uint32_t memory; /* budget of backward bytes */
    double share;    /* budget of a backward pass, as a share of the full one; 0: `macs` says it */
    double macs;
    int32_t views; /* of a picture, 1 to TT_MAX_VIEWS: prototypes and pictures are mean features of so many */
};

/* The support set, without its tensors. */
struct tt_task {
    const uint16_t *labels; /* the class of each sample */
    int32_t samples, ways;
    const char *names; /* of the classes, each with a zero byte behind it */
    uint32_t name_bytes;
};

/* True for a method that begins with a Fisher pass. */
bool tt_inspects(enum tt_method method);

/* The defaults of src/defaults.ts. */
struct tt_options tt_defaults(void);

/*
 * Opens the model of `model_bytes` bytes, declares the task and selects what the method trains: checks that mirrored
 * samples keep their class (where the options leave that open), runs the Fisher pass where there is one, scores and selects. Then makes
 * sure that there is room for the patch, as it is better to find out before training. The budget in MACs and whether
 * pseudo-queries are mirrored are in the control block afterwards (compute_budget, augment); with LOMO the budget is that of
 * an iteration, and `draws` says how many samples it draws.
 */
int32_t tt_choose(struct tt_engine *engine, uint32_t model_bytes, const struct tt_options *options, const struct tt_task *task);

/* Trains what has been chosen, and writes the patch (see tt_patch). */
int32_t tt_train(struct tt_engine *engine, const struct tt_task *task, const uint8_t **patch, uint32_t *patch_bytes);

/*
 * The last part of tt_train, for who runs TT_JOB_TRAIN in pieces: prototypes of views, where there are several, in one call, and the
 * patch.
 */
int32_t tt_finish(struct tt_engine *engine, const struct tt_task *task, const uint8_t **patch, uint32_t *patch_bytes);

/*
 * Opens the model and puts a saved patch into it; a patch that is refused leaves the model alone. `*names` (each with a zero byte behind it) is inside `patch`, and
 * `*ways` says how many there are.
 */
int32_t tt_restore(struct tt_engine *engine, uint32_t model_bytes, const uint8_t *patch, uint32_t patch_bytes,
                   const char **names, int32_t *ways);

/*
 * The class of the sample that the caller gives as sample 0, after tt_train or tt_restore: the one whose prototype has
 * the highest cosine. `*cosine` is that cosine; it may be NULL. It takes as many embeddings as the patch has views.
 */
int32_t tt_classify(struct tt_engine *engine, int32_t *label, float *cosine);

#endif
