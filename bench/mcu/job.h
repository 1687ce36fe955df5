/* A job that is linked into a program: bench/mcu/make-data.mjs writes it. */
#ifndef JOB_H
#define JOB_H

#include "adapt.h"

/* Images of the model's size, 8 bits a channel, one behind the other, and the class of each. */
struct job_images {
    const uint8_t *pixels;
    const uint16_t *labels;
    int32_t count;
};

struct job {
    struct tt_options options;
    const uint8_t *model;
    uint32_t model_bytes;
    const uint8_t *wasm; /* of no bytes where the module is translated */
    uint32_t wasm_bytes;
    /* What each pixel value means in each channel: 256 rows of `channels` floats (src/image.ts, toTensor). */
    const float *values;
    uint32_t channels;
    uint32_t image_bytes;
    struct job_images support, queries;
    const char *names; /* of the classes, each with a zero byte behind it */
    uint32_t name_bytes;
    int32_t ways;
    uint32_t arena; /* bytes that are tried first */
    uint32_t ram;   /* limit of linear memory, or 0 */
};

extern const struct job job;

#endif
