/* WAMR, started with an allocator that counts what it takes beside linear memory. */
#ifndef TINYTRAIN_RUNTIME_H
#define TINYTRAIN_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes that the runtime has allocated beside linear memory: now, and at most so far. */
struct runtime_bytes {
    size_t now, peak;
};

/* Starts WAMR. */
bool runtime_start(void);

/* What WAMR has allocated; linear memory does not count, as it does not come from this allocator. */
struct runtime_bytes runtime_bytes(void);

#endif
