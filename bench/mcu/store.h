/*
 * Blocks that the engine has its host keep, in external memory: the activations of what is frozen. Blocks grow from the
 * lower end, the table of where they are from the upper one.
 */
#ifndef STORE_H
#define STORE_H

#include <stddef.h>
#include <stdint.h>

/* A status of its own: the external memory is full. */
#define STORE_FULL (-1001)

int32_t store_put(int32_t key, const void *bytes, uint32_t size);
int32_t store_get(int32_t key, void *to, uint32_t size);
void store_forget(void);

/* The most that was in use, the table included. */
size_t store_peak(void);

#endif
