/* The adaptation as a sequence of the host's calls; adapt.h says what each function does. */
#include "adapt.h"

#include <math.h>
#include <string.h>

#include "views.h"

/* Bits of the control block's `augment`. */
enum { AUGMENT_ON = 1, AUGMENT_FLIP = 2 };
/* The code of no criterion, but thin layers, the last first (assembly/engine/budget.ts). */
enum { THIN = 5 };
/* Share of the samples that may leave their class when mirrored, for mirroring to be allowed (src/choose.ts). */
static const double MIRROR_LOSS = 0.05;
/* Operators of a model (docs/formats.md): where they begin, the bytes of each, the field of its output channels. */
enum { OPERATORS = 128, OPERATOR_BYTES = 128, OUTPUT_CHANNELS = 20 };
/* Fields of a patch. */
enum { PATCH_HEADER = 64, PATCH_WAYS = 24, PATCH_NAMES_OFFSET = 44, PATCH_NAMES_BYTES = 48 };

const struct tt_training tt_training[TT_METHODS] = {
    [TT_TINYTRAIN] = { TT_MOMENTUM, 2e-2f }, [TT_LASTLAYER] = { TT_ADAM, 1e-2f }, [TT_FULLTRAIN] = { TT_ADAM, 3e-4f },
    [TT_BIASONLY] = { TT_ADAM, 1e-3f },      [TT_NONE] = { TT_MOMENTUM, 3e-3f },     [TT_DEEPTRAIN] = { TT_LOMO, 8e-5f },
    [TT_THINTRAIN] = { TT_LOMO, 1e-3f },
};

struct tt_options tt_defaults(void)
{
    return (struct tt_options){
        .method = TT_TINYTRAIN,
        .criterion = -1,
        .augment = TT_AUGMENT_AUTO,
        .optimizer = -1,
        .temperature = 10,
        .iterations = 40,
        .variants = 8,
        .memory = 1 << 20,
        .share = 0.15,
        .views = 1,
    };
}

/* Lays out a job and runs it. */
static int32_t job(struct tt_engine *engine, enum tt_job which)
{
    int32_t status = tt_begin(engine, which);
    return status ? status : tt_run(engine, 0);
}

/* The output channels of a layer, or NULL. */
static const int32_t *channels_of(struct tt_engine *engine, const struct tt_layer *layer)
{
    if (!layer || layer->op < 0 || layer->op >= engine->control->op_count)
        return NULL;
    return tt_at(engine, engine->arena + OPERATORS + OPERATOR_BYTES * (uint64_t)layer->op + OUTPUT_CHANNELS, sizeof(int32_t), 4);
}

/* Selects all of a layer: nothing, its bias, or the weights of every channel. */
static int32_t select_layer(struct tt_engine *engine, int32_t index, enum tt_kind kind)
{
    struct tt_layer *layer = tt_layer(engine, index);
    const int32_t *channels = channels_of(engine, layer);
    if (!channels || *channels < 1 || *channels > UINT16_MAX)
        return TT_ADDRESS;
    int32_t count = kind == TT_WEIGHTS ? *channels : 0;
    uint16_t *list = tt_at(engine, layer->channels, (uint64_t)count * sizeof *list, 2);
    if (!list)
        return TT_ADDRESS;
    for (int32_t i = 0; i < count; i++)
        list[i] = (uint16_t)i;
    layer->kind = (int32_t)kind;
    layer->count = count;
    return TT_DONE;
}

/* Makes the selection of a method that has no Fisher pass. */
static int32_t select_method(struct tt_engine *engine, enum tt_method method)
{
    if (method == TT_THINTRAIN)
        return tt_call(engine, TT_SELECT, NULL);
    int32_t count = engine->control->layer_count;
    int32_t status = TT_DONE;
    for (int32_t i = 0; i < count && !status; i++) {
        enum tt_kind kind = TT_FROZEN;
        if (method == TT_FULLTRAIN || (method == TT_LASTLAYER && i == count - 1))
            kind = TT_WEIGHTS;
        else if (method == TT_BIASONLY)
            kind = TT_BIAS;
        status = select_layer(engine, i, kind);
    }
    return status;
}

bool tt_inspects(enum tt_method method)
{
    return method == TT_TINYTRAIN || method == TT_DEEPTRAIN;
}

/* True for a method that chooses inside the budgets. */
static bool is_dynamic(enum tt_method method)
{
    return tt_inspects(method) || method == TT_THINTRAIN;
}

static bool draws_samples(const struct tt_engine *engine)
{
    return engine->control->optimizer == TT_LOMO;
}

/* Scores by which the last layers are tried first. */
static int32_t score_depth(struct tt_engine *engine)
{
    for (int32_t i = 0; i < engine->control->layer_count; i++) {
        struct tt_layer *layer = tt_layer(engine, i);
        if (!layer)
            return TT_ADDRESS;
        if (layer->inspected)
            layer->score = (float)i;
    }
    return TT_DONE;
}

/* Writes the options into the control block. The budget of compute may be a share of what the engine computes. */
static int32_t configure(struct tt_engine *engine, const struct tt_options *o)
{
    struct tt_control *c = engine->control;
    c->iterations = o->iterations;
    c->optimizer = o->optimizer < 0 ? (int32_t)tt_training[o->method].optimizer : o->optimizer;
    c->lr = o->lr > 0 ? o->lr : tt_training[o->method].lr;
    c->temperature = o->temperature;
    c->seed = o->seed;
    c->variants = o->variants;
    int32_t usual = o->method == TT_TINYTRAIN ? TT_CRITERION_TINYTRAIN : TT_CRITERION_DEPTH;
    c->criterion = o->method == TT_THINTRAIN ? THIN : o->criterion < 0 ? usual : o->criterion;
    c->draws = c->samples;
    c->augment = o->augment == TT_AUGMENT_NONE ? 0u : AUGMENT_ON;
    c->memory_budget = is_dynamic(o->method) ? o->memory : UINT32_MAX;
    /* Nothing is selected yet, and the cost of nothing comes with the MACs of everything. */
    int32_t status = tt_call(engine, TT_COST, NULL);
    if (status)
        return status;
    engine->control->compute_budget = o->share > 0 ? floor(o->share * engine->control->full_macs) : o->macs;
    /* Drawn samples may use up what the ways back of all pseudo-queries and support samples would. */
    if (draws_samples(engine))
        engine->control->compute_budget *= 2 * engine->control->samples;
    return TT_DONE;
}

int32_t tt_choose(struct tt_engine *engine, uint32_t model_bytes, const struct tt_options *options, const struct tt_task *task)
{
    if (options->views < 1 || options->views > TT_MAX_VIEWS)
        return TT_VIEWS;
    int32_t status = tt_open(engine, model_bytes);
    engine->views = options->views;
    if (!status)
        status = tt_set_task(engine, task->labels, task->samples, task->ways);
    if (!status) {
        engine->control->name_bytes = task->name_bytes;
        status = configure(engine, options);
    }
    /* Whether the budgets allow anything is known before anything runs. */
    if (!status && tt_inspects(options->method))
        status = tt_begin(engine, TT_JOB_FISHER);
    else if (!status)
        status = select_method(engine, options->method);
    bool flip = options->method != TT_NONE && options->augment == TT_AUGMENT_AUTO;
    if (!status && flip) {
        status = job(engine, TT_JOB_PROBE);
        int32_t lost = engine->control->probe_plain - engine->control->probe_mirrored;
        flip = lost <= MIRROR_LOSS * task->samples;
    }
    if (status)
        return status;
    if (flip)
        engine->control->augment |= AUGMENT_FLIP;
    if (tt_inspects(options->method)) {
        status = job(engine, TT_JOB_FISHER);
        if (!status)
            status = tt_call(engine, TT_SCORE, NULL);
        if (!status && engine->control->criterion == TT_CRITERION_DEPTH)
            status = score_depth(engine);
        if (!status)
            status = tt_call(engine, TT_SELECT, NULL);
    }
    struct tt_control *c = engine->control;
    if (!status && is_dynamic(options->method) && draws_samples(engine))
        c->draws = (int32_t)fmin(c->samples, floor(c->compute_budget / c->backward_macs));
    return status ? status : tt_patch_fits(engine, task->name_bytes);
}

int32_t tt_train(struct tt_engine *engine, const struct tt_task *task, const uint8_t **patch, uint32_t *patch_bytes)
{
    int32_t status = job(engine, TT_JOB_TRAIN);
    return status ? status : tt_finish(engine, task, patch, patch_bytes);
}

int32_t tt_finish(struct tt_engine *engine, const struct tt_task *task, const uint8_t **patch, uint32_t *patch_bytes)
{
    int32_t status = engine->views > 1 ? tt_views_prototypes(engine, task) : TT_DONE;
    if (!status)
        status = tt_patch(engine, task->names, task->name_bytes, patch, patch_bytes);
    if (status || engine->views == 1)
        return status;
    if (*patch_bytes < PATCH_HEADER)
        return TT_ADDRESS;
    /* It lies in the module's memory, which may be written. */
    tt_views_write((uint8_t *)*patch, *patch_bytes, engine->views);
    return TT_DONE;
}

/* Views, classes and names of a patch. The engine has checked all but the views; a module that only looks like it may not have. */
static int32_t describe(struct tt_engine *engine, const uint8_t *patch, uint32_t patch_bytes, const char **names, int32_t *ways)
{
    uint32_t at, bytes, count = 0;
    if (patch_bytes < PATCH_HEADER)
        return TT_ADDRESS;
    int32_t status = tt_views_read(patch, &engine->views);
    if (status)
        return status;
    memcpy(&at, patch + PATCH_NAMES_OFFSET, sizeof at);
    memcpy(&bytes, patch + PATCH_NAMES_BYTES, sizeof bytes);
    memcpy(ways, patch + PATCH_WAYS, sizeof *ways);
    if (at > patch_bytes || bytes > patch_bytes - at)
        return TT_ADDRESS;
    for (uint32_t i = 0; i < bytes; i++)
        count += patch[at + i] == 0;
    *names = (const char *)patch + at;
    return *ways > 0 && count == (uint32_t)*ways ? TT_DONE : TT_ADDRESS;
}

int32_t tt_restore(struct tt_engine *engine, uint32_t model_bytes, const uint8_t *patch, uint32_t patch_bytes,
                   const char **names, int32_t *ways)
{
    int32_t status = tt_open(engine, model_bytes);
    if (!status)
        status = tt_apply(engine, patch, patch_bytes);
    if (status)
        return status;
    status = describe(engine, patch, patch_bytes, names, ways);
    /* Nothing of a patch that is refused stays. */
    if (status)
        (void)tt_open(engine, model_bytes);
    return status;
}

int32_t tt_classify(struct tt_engine *engine, int32_t *label, float *cosine)
{
    if (engine->views > 1)
        return tt_views_classify(engine, label, cosine);
    int32_t status = job(engine, TT_JOB_EMBED);
    if (status)
        return status;
    const struct tt_control *c = engine->control;
    const float *scores = c->ways < 1 ? NULL : tt_at(engine, c->scores_pointer, (uint64_t)c->ways * sizeof *scores, 4);
    if (!scores)
        return TT_ADDRESS;
    int32_t best = 0;
    for (int32_t k = 1; k < c->ways; k++)
        if (scores[k] > scores[best])
            best = k;
    *label = best;
    if (cosine)
        *cosine = scores[best];
    return TT_DONE;
}
