/* Output, memory and the end of a program on a board, and the calls that newlib makes of a system. */
#include "semihosting.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "board.h"

enum { SYS_OPEN = 0x01, SYS_WRITE0 = 0x04, SYS_WRITE = 0x05, SYS_EXIT_EXTENDED = 0x20 };
/* "w" of SYS_OPEN, which for ":tt" is the standard output. */
enum { MODE_OUT = 4 };
/* The longest line of board_print. */
#define LINE 320
#define APPLICATION_EXIT 0x20026u
#define LINEAR_ALIGN 16u

extern uint8_t board_heap_low[], board_heap_high[], board_flash_used[], board_blob_low[], board_blob_high[], board_store_low[], board_store_high[];

/* End of the heap, and where linear memory begins, which lies behind it. */
static uint8_t *heap_end = board_heap_low, *linear_low = board_heap_high;

static intptr_t semihost(int call, const void *argument)
{
    register intptr_t r0 __asm__("r0") = call;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void semihosting_write_line(const char *text)
{
    semihost(SYS_WRITE0, text);
}

void semihosting_exit(int status)
{
    uintptr_t block[2] = { APPLICATION_EXIT, (uintptr_t)status };
    for (;;)
        semihost(SYS_EXIT_EXTENDED, block);
}

void board_exit(int status)
{
    semihosting_exit(status);
}

int board_print_list(const char *format, va_list arguments)
{
    static intptr_t handle = -1;
    char text[LINE];
    int count = vsnprintf(text, sizeof text, format, arguments);
    if (handle < 0) {
        uintptr_t open[3] = { (uintptr_t) ":tt", MODE_OUT, 3 };
        handle = semihost(SYS_OPEN, open);
    }
    uintptr_t block[3] = { (uintptr_t)handle, (uintptr_t)text, (uintptr_t)(count < LINE ? count : LINE - 1) };
    semihost(SYS_WRITE, block);
    return count;
}

int board_print(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int count = board_print_list(format, arguments);
    va_end(arguments);
    return count;
}

struct board_memory board_heap(void)
{
    return (struct board_memory){ (size_t)(linear_low - board_heap_low), (size_t)(heap_end - board_heap_low) };
}

void *board_linear_allocate(size_t bytes)
{
    uintptr_t room = (uintptr_t)(board_heap_high - heap_end), low = (uintptr_t)board_heap_high;
    if (linear_low != board_heap_high || bytes == 0 || bytes > room || (uintptr_t)(low - bytes) / LINEAR_ALIGN * LINEAR_ALIGN < (uintptr_t)heap_end)
        return NULL;
    linear_low = (uint8_t *)((low - bytes) / LINEAR_ALIGN * LINEAR_ALIGN);
    return memset(linear_low, 0, bytes);
}

void board_linear_free(void)
{
    linear_low = board_heap_high;
}

size_t board_flash_bytes(void)
{
    return (uintptr_t)board_flash_used;
}

size_t board_blob_bytes(void)
{
    return (size_t)(board_blob_high - board_blob_low);
}

uint8_t *board_store(size_t *size)
{
    *size = (size_t)(board_store_high - board_store_low);
    return board_store_low;
}

/* ---- newlib's calls ---- */

/* The end of the heap only ever rises: newlib's small malloc gives nothing back. */
void *_sbrk(ptrdiff_t bytes)
{
    if (bytes > linear_low - heap_end || bytes < board_heap_low - heap_end) {
        errno = ENOMEM;
        return (void *)-1;
    }
    uint8_t *at = heap_end;
    heap_end += bytes;
    return at;
}

/* What abort takes; nothing calls it but the C library. */
void _exit(int status)
{
    semihosting_exit(status);
}

int _getpid(void)
{
    return 1;
}

int _kill(int process, int signal)
{
    (void)process, (void)signal;
    errno = EINVAL;
    return -1;
}
