/* A folder of raw samples; samples.h says what each function does. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "samples.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../tinytrain_host.h"
#include "system.h"

/* Compares names as src/node/natural.ts does: '2' before '10'. */
static int natural(const struct dirent **left, const struct dirent **right)
{
    const char *a = (*left)->d_name, *b = (*right)->d_name;
    const char *p = a, *q = b;
    bool inside = false; /* a run of characters that are no digits */
    while (*p && *q) {
        bool left_digit = isdigit((unsigned char)*p), right_digit = isdigit((unsigned char)*q);
        if (left_digit && right_digit) {
            inside = false;
            p += strspn(p, "0");
            q += strspn(q, "0");
            size_t m = strspn(p, "0123456789"), n = strspn(q, "0123456789");
            int order = m != n ? (m < n ? -1 : 1) : strncmp(p, q, m);
            if (order)
                return order;
            p += m;
            q += n;
        } else if (inside && left_digit != right_digit) {
            /* The run ends in one name and goes on in the other. */
            return left_digit ? -1 : 1;
        } else if (*p != *q) {
            return (unsigned char)*p < (unsigned char)*q ? -1 : 1;
        } else {
            inside = true;
            p++;
            q++;
        }
    }
    return *p ? 1 : *q ? -1 : strcmp(a, b);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Entries of a folder in natural order, without those that begin with a dot; `count` of them. */
static struct dirent **list(const char *folder, int32_t *count)
{
    struct dirent **entries;
    *count = scandir(folder, &entries, is_visible, natural);
    if (*count < 0)
        die("%s: %s", folder, strerror(errno));
    return entries;
}

static char *join(const char *folder, const char *name)
{
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = grow(NULL, size);
    snprintf(path, size, "%s/%s", folder, name);
    return path;
}

/* Reads a sample and checks its size and values. */
static float *read_tensor(const char *path, uint32_t bytes)
{
    size_t size;
    const char *end = strrchr(path, '.');
    if (!end || strcmp(end, ".f32") != 0)
        die("%s: not a .f32 file; remove it", path);
    float *values = (float *)read_file(path, &size);
    if (size != bytes)
        die("%s: a tensor for this model has %" PRIu32 " bytes, got %zu", path, bytes, size);
    for (size_t i = 0; i < size / sizeof *values; i++)
        if (!isfinite(values[i]))
            die("%s: value %zu of the tensor is not a finite number", path, i);
    return values;
}

/* Reads the samples of one class, the last of `s->classes`. */
static void read_class(struct samples *s, const char *folder)
{
    char *name = s->classes[s->ways - 1];
    char *class = join(folder, name);
    int32_t count;
    struct dirent **entries = list(class, &count);
    if (!count)
        die("%s: a class without samples; add some or remove the folder", class);
    size_t all = (size_t)s->count + (size_t)count;
    s->tensors = grow(s->tensors, all * sizeof *s->tensors);
    s->files = grow(s->files, all * sizeof *s->files);
    s->labels = grow(s->labels, all * sizeof *s->labels);
    for (int32_t i = 0; i < count; i++) {
        char *path = join(class, entries[i]->d_name);
        s->tensors[s->count] = read_tensor(path, s->tensor_bytes);
        s->files[s->count] = join(name, entries[i]->d_name);
        s->labels[s->count++] = (uint16_t)(s->ways - 1);
        free(path);
        free(entries[i]);
    }
    free(entries);
    free(class);
}

struct samples read_samples(const char *folder, uint32_t tensor_bytes)
{
    struct samples s = { .tensor_bytes = tensor_bytes };
    int32_t count;
    struct dirent **entries = list(folder, &count);
    if (!count)
        die("%s: no class in it; it must have one folder a class", folder);
    if (count > UINT16_MAX)
        die("%s: more than %d classes", folder, UINT16_MAX);
    s.classes = grow(NULL, (size_t)count * sizeof *s.classes);
    while (s.ways < count) {
        const char *name = entries[s.ways]->d_name;
        uint32_t length = (uint32_t)strlen(name) + 1;
        s.names = grow(s.names, s.name_bytes + length);
        memcpy(s.names + s.name_bytes, name, length);
        s.name_bytes += length;
        s.classes[s.ways] = memcpy(grow(NULL, length), name, length);
        free(entries[s.ways++]);
        read_class(&s, folder);
    }
    free(entries);
    return s;
}

int32_t give_sample(const struct samples *samples, int32_t index, uint32_t offset, void *to, uint32_t bytes)
{
    if (index < 0 || index >= samples->count || offset > samples->tensor_bytes || bytes > samples->tensor_bytes - offset)
        return TT_ADDRESS;
    memcpy(to, (const uint8_t *)samples->tensors[index] + offset, bytes);
    return TT_DONE;
}

void free_samples(struct samples *samples)
{
    for (int32_t i = 0; i < samples->count; i++) {
        free(samples->tensors[i]);
        free(samples->files[i]);
    }
    for (int32_t k = 0; k < samples->ways; k++)
        free(samples->classes[k]);
    free(samples->tensors);
    free(samples->files);
    free(samples->labels);
    free(samples->classes);
    free(samples->names);
}
