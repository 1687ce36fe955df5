/*
 * Several views of a picture: what src/views.ts and src/prototypes.ts do, with their bits. Views are windows of a sample, each
 * enlarged to the whole; prototypes and pictures are then mean features of all of them. An embedding for each view
 * of each sample makes the prototypes, once; each picture takes as many as there are views. It takes no memory of its own.
 */
#ifndef TINYTRAIN_VIEWS_H
#define TINYTRAIN_VIEWS_H

#include "adapt.h"

/*
 * Writes `bytes` bytes of a view of a sample of the caller (height x width x channels floats, of the model's input), from byte
 * `offset` on, to `to`; the sample is read float by float. TT_ADDRESS for what is no part of it, or the caller's status.
 */
int32_t tt_view(struct tt_engine *engine, int32_t index, int32_t view, uint32_t offset, void *to, uint32_t bytes);

/*
 * After training: makes prototypes, which are class means of the samples, class means of all views of each sample.
 * TT_VIEW_FEATURES where one has no finite norm.
 */
int32_t tt_views_prototypes(struct tt_engine *engine, const struct tt_task *task);

/* tt_classify by all views of the caller's sample 0. */
int32_t tt_views_classify(struct tt_engine *engine, int32_t *label, float *cosine);

/* Writes into a patch that the engine has made by how many views it classifies. */
void tt_views_write(uint8_t *patch, uint32_t bytes, int32_t views);

/* By how many views a patch that the engine has accepted classifies; TT_VIEWS if there are not so many. */
int32_t tt_views_read(const uint8_t *patch, int32_t *views);

#endif
