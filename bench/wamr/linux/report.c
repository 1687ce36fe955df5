/* The report; report.h says what the function does. */
#include "report.h"

#include <inttypes.h>
#include <stdio.h>

#include "runtime.h"

/* Bits of the control block's `augment`. */
enum { AUGMENT_ON = 1, AUGMENT_FLIP = 2 };

static double accuracy(const struct figures *f, const struct samples *queries)
{
    int32_t right = 0;
    for (int32_t i = 0; i < queries->count; i++)
        right += f->answers[i].right;
    return (double)right / queries->count;
}

/* A text as JSON. Names of files are UTF-8 or whatever they are; only what JSON forbids is escaped. */
static void json_text(const char *text)
{
    putchar('"');
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        if (*at == '"' || *at == '\\')
            putchar('\\');
        if (*at < 0x20)
            printf("\\u%04x", *at);
        else
            putchar(*at);
    }
    putchar('"');
}

static void json_training(struct tt_engine *engine, const struct arguments *a, const struct figures *f,
                          const struct samples *support)
{
    const struct tt_control *c = engine->control;
    printf(" \"method\": \"%s\", \"ways\": %" PRId32 ", \"samples\": %" PRId32 ",\n", METHODS[a->options.method],
           support->ways, support->count);
    printf(" \"budgets\": {\"memoryBytes\": %" PRIu32 ", \"backwardMacs\": %.0f, \"ramBytes\": %" PRIu32 "},\n",
           a->options.memory, c->compute_budget / (c->optimizer == TT_LOMO ? 2 * c->samples : 1), a->ram);
    printf(" \"iterations\": %" PRId32 ", \"variants\": %" PRId32 ", \"optimizer\": \"%s\", \"lr\": %.9g, \"temperature\": %.9g,\n",
           c->iterations, c->variants, OPTIMIZERS[c->optimizer], (double)c->lr, (double)c->temperature);
    printf(" \"macs\": {\"backward\": %.0f},\n \"augment\": {\"flip\": %s, \"crop\": %s},\n", c->backward_macs,
           c->augment & AUGMENT_FLIP ? "true" : "false", c->augment & AUGMENT_ON ? "true" : "false");
    printf(" \"layers\": [");
    for (int32_t i = 0; i < c->layer_count; i++) {
        const struct tt_layer *layer = tt_layer(engine, i);
        if (layer)
            printf("%s{\"kind\": %" PRId32 ", \"channels\": %" PRId32 "}", i ? ", " : "", layer->kind,
                   layer->kind == TT_WEIGHTS ? layer->count : 0);
    }
    printf("],\n \"loss\": [");
    for (int32_t i = 0; i < f->iterations; i++)
        printf("%s%.9g", i ? ", " : "", (double)f->loss[i]);
    printf("],\n \"patch\": {\"bytes\": %" PRIu32 "},\n", f->patch_bytes);
}

static void json_answers(const struct figures *f, const struct samples *queries)
{
    printf(" \"accuracy\": %.6g,\n \"queries\": [", accuracy(f, queries));
    for (int32_t i = 0; i < queries->count; i++) {
        printf("%s\n  {\"sample\": ", i ? "," : "");
        json_text(queries->files[i]);
        printf(", \"label\": ");
        json_text(f->answers[i].label);
        printf(", \"cosine\": %.9g}", (double)f->answers[i].cosine);
    }
    printf("],\n");
}

static void report_json(struct tt_engine *engine, const struct arguments *a, const struct figures *f,
                        const struct samples *support, const struct samples *queries)
{
    const struct tt_control *c = engine->control;
    printf("{\n \"views\": %" PRId32 ",\n", engine->views);
    if (support)
        json_training(engine, a, f, support);
    if (queries)
        json_answers(f, queries);
    printf(" \"memory\": {\"backwardBytes\": %" PRIu32 ", \"peakBytes\": %" PRIu32 ", \"arenaNeeded\": %" PRIu32
           ", \"linearBytes\": %" PRIu64 ", \"keptBytes\": %zu, \"moduleBytes\": %zu, \"runtimeBytes\": %zu},\n",
           c->backward_bytes, c->peak_bytes, c->peak_bytes - engine->arena, f->linear_bytes, f->kept_bytes,
           f->module_bytes, runtime_bytes().peak);
    printf(" \"time\": {\"fisherMs\": %.1f, \"trainMs\": %.1f, \"classifyMs\": %.1f}\n}\n", f->choose_ms, f->train_ms,
           f->classify_ms);
}

static void report_text(struct tt_engine *engine, const struct arguments *a, const struct figures *f,
                        const struct samples *support, const struct samples *queries)
{
    const struct tt_control *c = engine->control;
    if (support) {
        printf("%s: %" PRId32 " classes, %" PRId32 " samples\n", METHODS[a->options.method], support->ways, support->count);
        if (f->iterations)
            printf("loss %.4f -> %.4f in %" PRId32 " iterations\n", (double)f->loss[0],
                   (double)f->loss[f->iterations - 1], f->iterations);
        printf("selection %.0f ms, training %.0f ms\n", f->choose_ms, f->train_ms);
        printf("patch %s, %" PRIu32 " bytes\n", a->out ? a->out : "not written", f->patch_bytes);
    }
    for (int32_t i = 0; queries && i < queries->count; i++)
        printf("%s %s %.4f\n", queries->files[i], f->answers[i].label, (double)f->answers[i].cosine);
    if (queries)
        printf("accuracy %.1f%% of %" PRId32 " samples, %.0f ms\n", 100 * accuracy(f, queries), queries->count,
               f->classify_ms);
    printf("RAM: linear memory %" PRIu64 " bytes (at most %" PRIu32 " used), runtime beside it %zu bytes, kept blocks %zu bytes\n",
           f->linear_bytes, c->peak_bytes, runtime_bytes().peak, f->kept_bytes);
}

void report(struct tt_engine *engine, const struct arguments *a, const struct figures *f, const struct samples *support,
            const struct samples *queries)
{
    (a->json ? report_json : report_text)(engine, a, f, support, queries);
}
