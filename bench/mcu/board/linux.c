/* board.h for Linux, where nothing of it can be measured: the same job, to compare bytes. */
#include <stdio.h>
#include <stdlib.h>

#include "board.h"

/* As much as the largest store of a board. */
#define STORE_BYTES (16u << 20)

uint64_t board_instructions(void)
{
    static uint64_t calls; /* rises, so that phases keep their order */
    return ++calls;
}

struct board_memory board_stack(void)
{
    return (struct board_memory){ 0, 0 };
}

struct board_memory board_heap(void)
{
    return (struct board_memory){ 0, 0 };
}

static void *linear;

void *board_linear_allocate(size_t bytes)
{
    return linear ? NULL : (linear = calloc(1, bytes));
}

void board_linear_free(void)
{
    free(linear);
    linear = NULL;
}

size_t board_static_bytes(void)
{
    return 0;
}

size_t board_flash_bytes(void)
{
    return 0;
}

size_t board_blob_bytes(void)
{
    return 0;
}

uint8_t *board_store(size_t *size)
{
    static uint8_t store[STORE_BYTES] __attribute__((aligned(16)));
    *size = sizeof store;
    return store;
}

int board_print_list(const char *format, va_list arguments)
{
    return vprintf(format, arguments);
}

int board_print(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int count = board_print_list(format, arguments);
    va_end(arguments);
    return count;
}

void board_exit(int status)
{
    exit(status);
}
