/* Kept blocks; store.h says what each function does. */
#include "store.h"

#include <string.h>

#include "board.h"
#include "tinytrain_host.h"

#define ALIGN 4u

struct block {
    uint32_t offset, size;
};

/* Bytes of blocks, number of entries of the table, and the highest sum of both so far. */
static size_t used, count, peak;

/* The entry of a key; entries lie downwards from the end. */
static struct block *entry(uint8_t *store, size_t size, size_t key)
{
    return (struct block *)(store + size / sizeof(struct block) * sizeof(struct block)) - 1 - key;
}

int32_t store_put(int32_t key, const void *bytes, uint32_t size)
{
    size_t all;
    uint8_t *store = board_store(&all);
    if (key < 0)
        return TT_ADDRESS;
    size_t entries = (size_t)key < count ? count : (size_t)key + 1;
    struct block *block = (size_t)key < count ? entry(store, all, (size_t)key) : NULL;
    size_t more = block && block->size == size ? 0 : (size + ALIGN - 1) / ALIGN * ALIGN;
    /* One entry more than needed: the end may not be aligned. */
    if (entries >= all / sizeof *block || used + more + (entries + 1) * sizeof *block > all || used + more < used)
        return STORE_FULL;
    for (; count < entries; count++)
        *entry(store, all, count) = (struct block){ 0, UINT32_MAX };
    block = entry(store, all, (size_t)key);
    if (more || block->size != size)
        *block = (struct block){ (uint32_t)used, size };
    used += more;
    if (used + count * sizeof *block > peak)
        peak = used + count * sizeof *block;
    memcpy(store + block->offset, bytes, size);
    return TT_DONE;
}

int32_t store_get(int32_t key, void *to, uint32_t size)
{
    size_t all;
    uint8_t *store = board_store(&all);
    const struct block *block = key >= 0 && (size_t)key < count ? entry(store, all, (size_t)key) : NULL;
    if (!block || block->size != size)
        return TT_HOST_DATA;
    memcpy(to, store + block->offset, size);
    return TT_DONE;
}

void store_forget(void)
{
    used = count = 0;
}

size_t store_peak(void)
{
    return peak;
}
