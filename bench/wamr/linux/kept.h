/* The blocks that the engine wants kept until its job ends: here in memory, on a device perhaps in flash. */
#ifndef TINYTRAIN_KEPT_H
#define TINYTRAIN_KEPT_H

#include <stddef.h>
#include <stdint.h>

struct kept_block {
    uint8_t *bytes;
    uint32_t size;
};

/* Begins as all zeros. */
struct kept {
    struct kept_block *blocks; /* by key */
    size_t count;
    size_t bytes, peak;
};

/* These are `store`, `fetch` and `forget` of struct tt_caller, but for the type of the first parameter. */
int32_t kept_store(struct kept *kept, int32_t key, const void *bytes, uint32_t size);
int32_t kept_fetch(const struct kept *kept, int32_t key, void *to, uint32_t size);
void kept_forget(struct kept *kept);

#endif
