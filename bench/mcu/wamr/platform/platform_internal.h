/* What WAMR wants to know of a platform: one thread, newlib, no files. */
#ifndef PLATFORM_INTERNAL_H
#define PLATFORM_INTERNAL_H

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BH_APPLET_PRESERVED_STACK_SIZE 512
#define BH_THREAD_DEFAULT_PRIORITY 0

/* Types that WAMR's headers name; nothing uses their values. */
typedef int korp_tid, korp_thread, korp_mutex, korp_cond, korp_sem, korp_rwlock;
typedef int os_file_handle, os_raw_file_handle, os_poll_file_handle, os_timespec;
typedef void *os_dir_stream;
typedef unsigned int os_nfds_t;

static inline os_file_handle os_get_invalid_handle(void)
{
    return -1;
}

/* Linear memory is a multiple of this: bounds are then those that were asked for. */
static inline int os_getpagesize(void)
{
    return 16;
}

#endif
