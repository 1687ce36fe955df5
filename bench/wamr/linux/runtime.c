/* WAMR with an allocator that counts; runtime.h says what each function does. */
#include "runtime.h"

#include <stdlib.h>

#include "wasm_export.h"

static struct runtime_bytes counted;

/* Size of a block, in front of it; as large as the strictest alignment. */
union block {
    size_t size;
    max_align_t align;
};

static void count(size_t more, size_t less)
{
    counted.now += more - less;
    if (counted.now > counted.peak)
        counted.peak = counted.now;
}

/* realloc that counts; also malloc and, with 0 bytes, free. */
static void *counting_realloc(void *old, unsigned int size)
{
    union block *block = old ? (union block *)old - 1 : NULL;
    size_t before = block ? block->size : 0;
    if (size == 0) {
        count(0, before);
        free(block);
        return NULL;
    }
    block = realloc(block, sizeof(union block) + size);
    if (!block)
        return NULL;
    block->size = size;
    count(size, before);
    return block + 1;
}

static void *counting_malloc(unsigned int size)
{
    return counting_realloc(NULL, size ? size : 1);
}

static void counting_free(void *old)
{
    counting_realloc(old, 0);
}

bool runtime_start(void)
{
    RuntimeInitArgs args = { .mem_alloc_type = Alloc_With_Allocator };
    args.mem_alloc_option.allocator.malloc_func = (void *)counting_malloc;
    args.mem_alloc_option.allocator.realloc_func = (void *)counting_realloc;
    args.mem_alloc_option.allocator.free_func = (void *)counting_free;
    if (!wasm_runtime_full_init(&args))
        return false;
    /* What goes wrong is reported once, by the caller. */
    wasm_runtime_set_log_level(WASM_LOG_LEVEL_FATAL);
    return true;
}

struct runtime_bytes runtime_bytes(void)
{
    return counted;
}
