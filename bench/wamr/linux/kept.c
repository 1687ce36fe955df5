/* Kept blocks; kept.h says what each function does. */
#include "kept.h"

#include <stdlib.h>
#include <string.h>

#include "../tinytrain_host.h"

/* Makes room for a key; the engine's keys rise from 0. */
static int32_t reserve(struct kept *kept, size_t count)
{
    if (count <= kept->count)
        return TT_DONE;
    if (count < 2 * kept->count)
        count = 2 * kept->count;
    struct kept_block *blocks = calloc(count, sizeof *blocks);
    if (!blocks)
        return TT_HOST_MEMORY;
    if (kept->count)
        memcpy(blocks, kept->blocks, kept->count * sizeof *blocks);
    free(kept->blocks);
    kept->blocks = blocks;
    kept->count = count;
    return TT_DONE;
}

int32_t kept_store(struct kept *kept, int32_t key, const void *bytes, uint32_t size)
{
    if (key < 0)
        return TT_ADDRESS;
    int32_t status = reserve(kept, (size_t)key + 1);
    if (status)
        return status;
    struct kept_block *block = &kept->blocks[key];
    uint8_t *copy = realloc(block->bytes, size ? size : 1);
    if (!copy)
        return TT_HOST_MEMORY;
    memcpy(copy, bytes, size);
    kept->bytes = kept->bytes - block->size + size;
    if (kept->bytes > kept->peak)
        kept->peak = kept->bytes;
    *block = (struct kept_block){ copy, size };
    return TT_DONE;
}

int32_t kept_fetch(const struct kept *kept, int32_t key, void *to, uint32_t size)
{
    if (key < 0 || (size_t)key >= kept->count || !kept->blocks[key].bytes || kept->blocks[key].size != size)
        return TT_ADDRESS;
    memcpy(to, kept->blocks[key].bytes, size);
    return TT_DONE;
}

void kept_forget(struct kept *kept)
{
    for (size_t i = 0; i < kept->count; i++)
        free(kept->blocks[i].bytes);
    free(kept->blocks);
    kept->blocks = NULL;
    kept->count = kept->bytes = 0;
}
