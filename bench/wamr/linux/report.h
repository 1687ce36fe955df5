/* What the program prints: for people, or as JSON. */
#ifndef TINYTRAIN_REPORT_H
#define TINYTRAIN_REPORT_H

#include "arguments.h"
#include "samples.h"

/* The answer to one query. */
struct answer {
    const char *label;
    float cosine;
    bool right;
};

/* What a run tells. */
struct figures {
    float *loss;
    int32_t iterations;
    double choose_ms, train_ms, classify_ms;
    uint32_t patch_bytes;
    uint64_t linear_bytes;
    size_t kept_bytes, module_bytes;
    struct answer *answers; /* one a query, or NULL */
};

/* Prints the report; `support` or `queries` may be NULL. */
void report(struct tt_engine *engine, const struct arguments *a, const struct figures *f, const struct samples *support,
            const struct samples *queries);

#endif
