/* WAMR's platform layer: one thread, and memory of malloc. */
#include "platform_api_extension.h"
#include "platform_api_vmcore.h"

#include "board.h"

int bh_platform_init(void)
{
    return 0;
}

void bh_platform_destroy(void) {}

void *os_malloc(unsigned size)
{
    return malloc(size);
}

void *os_realloc(void *old, unsigned size)
{
    return realloc(old, size);
}

void os_free(void *block)
{
    free(block);
}

int os_printf(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int count = board_print_list(format, arguments);
    va_end(arguments);
    return count;
}

int os_vprintf(const char *format, va_list arguments)
{
    return board_print_list(format, arguments);
}

uint64 os_time_get_boot_us(void)
{
    return 0;
}

uint64 os_time_thread_cputime_us(void)
{
    return 0;
}

korp_tid os_self_thread(void)
{
    return 0;
}

/* The board guards its stack itself: it lies at the lower end of RAM. */
uint8 *os_thread_get_stack_boundary(void)
{
    return NULL;
}

void os_thread_jit_write_protect_np(bool enabled)
{
    (void)enabled;
}

int os_mutex_init(korp_mutex *mutex)
{
    (void)mutex;
    return 0;
}

int os_mutex_destroy(korp_mutex *mutex)
{
    (void)mutex;
    return 0;
}

int os_mutex_lock(korp_mutex *mutex)
{
    (void)mutex;
    return 0;
}

int os_mutex_unlock(korp_mutex *mutex)
{
    (void)mutex;
    return 0;
}

/* Linear memory, the only thing that is mapped: a multiple of os_getpagesize, which WAMR takes for granted. */
void *os_mmap(void *hint, size_t size, int protection, int flags, os_file_handle file)
{
    (void)hint, (void)protection, (void)flags, (void)file;
    size_t page = (size_t)os_getpagesize();
    return size > SIZE_MAX - page ? NULL : board_linear_allocate((size + page - 1) / page * page);
}

void os_munmap(void *address, size_t size)
{
    (void)address, (void)size;
    board_linear_free();
}

int os_mprotect(void *address, size_t size, int protection)
{
    (void)address, (void)size, (void)protection;
    return 0;
}

void *os_mremap(void *old, size_t old_size, size_t new_size)
{
    return os_mremap_slow(old, old_size, new_size);
}

void os_dcache_flush(void) {}

void os_icache_flush(void *start, size_t length)
{
    (void)start, (void)length;
}
