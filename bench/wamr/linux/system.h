/* What every part of the program needs of the machine: files, memory, time, and an end with one line. */
#ifndef TINYTRAIN_SYSTEM_H
#define TINYTRAIN_SYSTEM_H

#include <stddef.h>
#include <stdint.h>

/* Ends the program with one line on stderr and status 1. */
_Noreturn void die(const char *form, ...) __attribute__((format(printf, 1, 2)));

/* realloc that does not fail. */
void *grow(void *old, size_t bytes);

double milliseconds(void);

/* Bytes of a file, to be freed. */
uint8_t *read_file(const char *path, size_t *size);

/* A file's bytes where the system maps them, read only: the stand-in for a microcontroller's flash. */
const uint8_t *map_file(const char *path, size_t *size);

/* Writes a file as a whole or not at all: under another name first, which is then renamed. */
void write_file(const char *path, const uint8_t *bytes, size_t size);

#endif
