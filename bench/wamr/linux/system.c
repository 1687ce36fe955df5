/* Files, memory and time of Linux; system.h says what each function does. */
#define _POSIX_C_SOURCE 200809L
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void die(const char *form, ...)
{
    va_list arguments;
    va_start(arguments, form);
    fputs("tinytrain-wamr: ", stderr);
    vfprintf(stderr, form, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

void *grow(void *old, size_t bytes)
{
    void *block = realloc(old, bytes ? bytes : 1);
    if (!block)
        die("not enough memory on this machine");
    return block;
}

double milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Opens a file for reading and finds its size. */
static int open_file(const char *path, size_t *size)
{
    struct stat info;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &info) != 0)
        die("%s: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        die("%s: not a file", path);
    *size = (size_t)info.st_size;
    return file;
}

uint8_t *read_file(const char *path, size_t *size)
{
    int file = open_file(path, size);
    uint8_t *bytes = grow(NULL, *size);
    for (size_t done = 0; done < *size;) {
        ssize_t count = read(file, bytes + done, *size - done);
        if (count <= 0)
            die("%s: cannot be read", path);
        done += (size_t)count;
    }
    close(file);
    return bytes;
}

const uint8_t *map_file(const char *path, size_t *size)
{
    int file = open_file(path, size);
    static const uint8_t none;
    if (*size == 0)
        return &none;
    void *bytes = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, file, 0);
    if (bytes == MAP_FAILED)
        die("%s: %s", path, strerror(errno));
    close(file);
    return bytes;
}

void write_file(const char *path, const uint8_t *bytes, size_t size)
{
    size_t length = strlen(path) + sizeof ".XXXXXX";
    char *other = grow(NULL, length);
    snprintf(other, length, "%s.XXXXXX", path);
    int file = mkstemp(other);
    if (file < 0)
        die("%s: %s", path, strerror(errno));
    bool good = fchmod(file, 0644) == 0;
    for (size_t done = 0; good && done < size;) {
        ssize_t count = write(file, bytes + done, size - done);
        good = count > 0;
        done += good ? (size_t)count : 0;
    }
    good = good && fsync(file) == 0;
    if (!good || close(file) != 0 || rename(other, path) != 0) {
        int why = errno;
        unlink(other);
        die("%s: %s", path, strerror(why));
    }
    free(other);
}
