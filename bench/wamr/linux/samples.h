/* A folder of raw samples: one folder a class, one file of float32 values a sample. */
#ifndef TINYTRAIN_SAMPLES_H
#define TINYTRAIN_SAMPLES_H

#include <stdint.h>

/* Samples class after class; classes and samples are in natural order of their names, as everywhere in tinytrain. */
struct samples {
    char **classes;
    int32_t ways;
    float **tensors;
    char **files; /* CLASS/FILE of each sample */
    uint16_t *labels;
    int32_t count;
    uint32_t tensor_bytes;
    char *names; /* of the classes, each with a zero byte behind it */
    uint32_t name_bytes;
};

/* Reads a folder of samples of `tensor_bytes` bytes each, all finite; ends the program if one is not. */
struct samples read_samples(const char *folder, uint32_t tensor_bytes);

/* Copies a part of the tensor of a sample, as `sample` of struct tt_caller does. */
int32_t give_sample(const struct samples *samples, int32_t index, uint32_t offset, void *to, uint32_t bytes);

void free_samples(struct samples *samples);

#endif
