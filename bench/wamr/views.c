/* Several views of a picture; views.h says what each function does. Doubles throughout, as in JavaScript. */
#include "views.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "crc32.h"

_Static_assert(FLT_EVAL_METHOD == 0, "floats and doubles must be rounded at each operation, as in JavaScript");

/* A model's header: where its input's height, width and channels are (docs/formats.md). */
enum { INPUT_SHAPE = 40 };
/* Fields of a patch: the checksum, what it covers, and the views. */
enum { PATCH_SUM = 12, PATCH_SUMMED = 16, PATCH_VIEWS = 52 };

/* The windows: the share of a side, and how much of what they leave lies above and left of them, as shares. */
static const struct {
    double side, top, left;
} WINDOWS[TT_MAX_VIEWS - 1] = { { 0.8, 0.5, 0.5 }, { 0.88, 0, 0 }, { 0.88, 1, 1 }, { 0.88, 0, 1 }, { 0.88, 1, 0 } };

/* Where an output lies between two inputs of an axis. */
struct place {
    uint32_t low, high;
    double share; /* of the higher one */
};

static struct place place_of(uint32_t i, uint32_t size, double side, double start)
{
    double last = size - 1.0, x = fmin(last, fmax(0, start + (i + 0.5) * side - 0.5)), low = floor(x);
    return (struct place){ (uint32_t)low, (uint32_t)fmin(last, low + 1), x - low };
}

/* A sample of the caller, as a grid of floats. */
struct picture {
    const struct tt_caller *caller;
    int32_t index, status;
    uint32_t height, width, channels;
};

static double value_at(struct picture *p, uint32_t row, uint32_t column, uint32_t channel)
{
    float value = 0;
    uint32_t offset = ((row * p->width + column) * p->channels + channel) * (uint32_t)sizeof value;
    if (!p->status)
        p->status = p->caller->sample(p->caller->user, p->index, offset, &value, sizeof value);
    return (double)value;
}

int32_t tt_view(struct tt_engine *engine, int32_t index, int32_t view, uint32_t offset, void *to, uint32_t bytes)
{
    const uint32_t *shape = tt_at(engine, (uint64_t)engine->arena + INPUT_SHAPE, 3 * sizeof *shape, 4);
    if (!shape || view < 1 || view >= TT_MAX_VIEWS)
        return TT_ADDRESS;
    struct picture p = { engine->caller, index, TT_DONE, shape[0], shape[1], shape[2] };
    uint64_t values = (uint64_t)p.height * p.width;
    if (!p.channels || values > UINT32_MAX / p.channels / sizeof(float))
        return TT_ADDRESS;
    values *= p.channels;
    uint32_t first = offset / (uint32_t)sizeof(float), count = bytes / (uint32_t)sizeof(float);
    if (first > values || count > values - first)
        return TT_ADDRESS;
    double side = WINDOWS[view - 1].side, rest = 1 - side;
    double top = rest * WINDOWS[view - 1].top * p.height, left = rest * WINDOWS[view - 1].left * p.width;
    for (uint32_t i = 0; i < count && !p.status; i++) {
        uint32_t at = first + i, channel = at % p.channels, pixel = at / p.channels;
        struct place y = place_of(pixel / p.width, p.height, side, top), x = place_of(pixel % p.width, p.width, side, left);
        double a = value_at(&p, y.low, x.low, channel), b = value_at(&p, y.low, x.high, channel);
        double c = value_at(&p, y.high, x.low, channel), d = value_at(&p, y.high, x.high, channel);
        double upper = a + x.share * (b - a), lower = c + x.share * (d - c);
        float value = (float)(upper + y.share * (lower - upper));
        memcpy((uint8_t *)to + i * sizeof value, &value, sizeof value);
    }
    return p.status;
}

/*
 * A double for each feature, where training has the gradients of the prototypes: behind these, before the scores. No other job,
 * no plan and no patch touches them. `count` is a copy: a module that is not the engine may have its control block there.
 */
struct sums {
    double *values;
    int32_t count;
};

static int32_t sums_of(struct tt_engine *engine, struct sums *sums)
{
    const struct tt_control *c = engine->control;
    uint64_t floats = (uint64_t)(uint32_t)c->ways * (uint32_t)c->feature_count;
    /* With two classes the gradients have the size of the sums. */
    if (c->ways < 2 || c->feature_count < 1 || floats > UINT32_MAX)
        return TT_ADDRESS;
    uint64_t at = ((uint64_t)c->prototypes_pointer + floats * sizeof(float) + 15) & ~(uint64_t)15;
    uint64_t bytes = (uint64_t)c->feature_count * sizeof(double);
    if (at + bytes > c->scores_pointer)
        return TT_ADDRESS;
    *sums = (struct sums){ tt_at(engine, at, bytes, 8), c->feature_count };
    return sums->values ? TT_DONE : TT_ADDRESS;
}

/* Adds the features of a view of a sample, divided by `shots`, to the sums, or to nothing where `fresh`. */
static int32_t add(struct tt_engine *engine, int32_t index, int32_t view, double shots, bool fresh, struct sums *sums)
{
    int32_t status = tt_begin(engine, TT_JOB_EMBED);
    engine->view = view;
    engine->viewed = index;
    if (!status)
        status = tt_run(engine, 0);
    engine->view = 0;
    if (!status)
        status = sums_of(engine, sums);
    if (status)
        return status;
    const float *features = tt_at(engine, engine->control->features_pointer, (uint64_t)sums->count * sizeof *features, 4);
    if (!features)
        return TT_ADDRESS;
    for (int32_t j = 0; j < sums->count; j++)
        sums->values[j] = (fresh ? 0 : sums->values[j]) + (double)features[j] / shots;
    return TT_DONE;
}

/* The prototype of a class, of `count` features, or NULL. */
static float *prototype_of(struct tt_engine *engine, int32_t class, int32_t count)
{
    uint64_t bytes = (uint64_t)count * sizeof(float);
    return tt_at(engine, engine->control->prototypes_pointer + (uint64_t)class * bytes, bytes, 4);
}

/* The prototype of one class; before, it is the mean of the whole samples. */
static int32_t average(struct tt_engine *engine, const struct tt_task *task, int32_t class)
{
    int32_t shots = 0;
    struct sums sums;
    int32_t status = sums_of(engine, &sums);
    float *prototype = status ? NULL : prototype_of(engine, class, sums.count);
    if (!prototype)
        return status ? status : TT_ADDRESS;
    for (int32_t j = 0; j < sums.count; j++)
        sums.values[j] = (double)prototype[j];
    for (int32_t i = 0; i < task->samples; i++)
        shots += task->labels[i] == class;
    for (int32_t view = 1; view < engine->views; view++)
        for (int32_t i = 0; i < task->samples && !status; i++)
            if (task->labels[i] == class)
                status = add(engine, i, view, shots, false, &sums);
    prototype = status ? NULL : prototype_of(engine, class, sums.count);
    if (!prototype)
        return status ? status : TT_ADDRESS;
    float square = 0;
    for (int32_t j = 0; j < sums.count; j++) {
        prototype[j] = (float)(sums.values[j] / engine->views);
        square += prototype[j] * prototype[j];
    }
    return isfinite(square) ? TT_DONE : TT_VIEW_FEATURES;
}

int32_t tt_views_prototypes(struct tt_engine *engine, const struct tt_task *task)
{
    int32_t status = TT_DONE;
    for (int32_t k = 0; k < task->ways && !status; k++)
        status = average(engine, task, k);
    return status;
}

/* Cosine of features with a prototype; 0 where one has no direction. */
static double cosine_of(const struct sums *features, const float *prototype)
{
    double product = 0, aa = 0, bb = 0;
    for (int32_t j = 0; j < features->count; j++) {
        double a = features->values[j], b = (double)prototype[j];
        product += a * b;
        aa += a * a;
        bb += b * b;
    }
    return aa > 0 && bb > 0 ? product / (sqrt(aa) * sqrt(bb)) : 0;
}

int32_t tt_views_classify(struct tt_engine *engine, int32_t *label, float *cosine)
{
    struct sums sums = { 0 };
    for (int32_t view = 0; view < engine->views; view++) {
        int32_t status = add(engine, 0, view, 1, view == 0, &sums);
        if (status)
            return status;
    }
    const int32_t ways = engine->control->ways;
    float best = 0;
    for (int32_t k = 0; k < ways; k++) {
        const float *prototype = prototype_of(engine, k, sums.count);
        if (!prototype)
            return TT_ADDRESS;
        float score = (float)cosine_of(&sums, prototype);
        if (k > 0 && !(score > best))
            continue;
        best = score;
        *label = k;
    }
    if (cosine)
        *cosine = best;
    return TT_DONE;
}

void tt_views_write(uint8_t *patch, uint32_t bytes, int32_t views)
{
    memcpy(patch + PATCH_VIEWS, &views, sizeof views);
    uint32_t sum = tt_crc32(0, patch + PATCH_SUMMED, bytes - PATCH_SUMMED);
    memcpy(patch + PATCH_SUM, &sum, sizeof sum);
}

int32_t tt_views_read(const uint8_t *patch, int32_t *views)
{
    uint32_t said;
    memcpy(&said, patch + PATCH_VIEWS, sizeof said);
    if (said > TT_MAX_VIEWS)
        return TT_VIEWS;
    *views = said ? (int32_t)said : 1;
    return TT_DONE;
}
