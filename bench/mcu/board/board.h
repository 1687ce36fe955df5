/*
 * What a program needs of the board: output, a count of instructions, high-water marks, and an end. Nothing here takes
 * memory of the heap, as it is the heap's end that may have to be reported; so stdio's files are not used.
 */
#ifndef BOARD_H
#define BOARD_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a kind of memory: what it has, and the most that was in use. */
struct board_memory {
    size_t size, peak;
};

/*
 * Instructions since the start, counted by a timer that ticks every 40 of them under `qemu -icount shift=0`. To be called
 * at least once every 171,000,000,000 instructions, as the timer has 32 bits.
 */
uint64_t board_instructions(void);

/* The C stack; the peak is found by the paint that is left of what was there at the start. */
struct board_memory board_stack(void);

/* The heap of malloc: the runtime, and what the allocator has for itself. Its size is what linear memory leaves. */
struct board_memory board_heap(void);

/*
 * Linear memory: one block, zeroed, at the upper end of RAM, so that making it anew leaves no hole in the heap; NULL if
 * there is no room, or if it is in use.
 */
void *board_linear_allocate(size_t bytes);
void board_linear_free(void);

/* RAM with fixed addresses: .data and .bss. */
size_t board_static_bytes(void);

/* Bytes that the program takes of flash, data blobs included. */
size_t board_flash_bytes(void);

/* Bytes of flash that are data: model, images and the like. */
size_t board_blob_bytes(void);

/* External memory for what the engine wants kept, 16-byte aligned. */
uint8_t *board_store(size_t *size);

/* printf, up to 320 characters; semihosting takes them to the standard output of the emulator. */
__attribute__((format(printf, 1, 2))) int board_print(const char *format, ...);
int board_print_list(const char *format, va_list arguments);

/* Ends the program. */
_Noreturn void board_exit(int status);

#endif
