/* From reset to main, and what happens at a fault. Cortex-M4F and M7. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "board.h"
#include "semihosting.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define CPACR REGISTER(0xe000ed88)
#define SHCSR REGISTER(0xe000ed24)
#define CFSR REGISTER(0xe000ed28)
#define MMFAR REGISTER(0xe000ed34)
#define BFAR REGISTER(0xe000ed38)
#define MPU_CTRL REGISTER(0xe000ed94)
#define MPU_RNR REGISTER(0xe000ed98)
#define MPU_RBAR REGISTER(0xe000ed9c)
#define MPU_RASR REGISTER(0xe000eda0)
/* In CFSR: a fault of the memory protection, whose address is in MMFAR. */
#define MMFAR_VALID 0x80u
/* What the stack is filled with, to see later how much of it was used. */
#define PAINT 0xc0dec0deu
/* Bytes for the fault handler: the program's own stack may be what has failed. */
#define HANDLER_STACK 512

extern uint32_t board_stack_low[], board_stack_high[], board_data_low[], board_data_high[], board_bss_low[], board_bss_high[];
extern const uint32_t board_data_load[];
extern int main(void);

static uint64_t handler_stack[HANDLER_STACK / sizeof(uint64_t)];

void board_start_timer(void);

static void text_of(char *to, uint32_t value)
{
    for (int i = 0; i < 8; i++)
        to[i] = "0123456789abcdef"[value >> (28 - 4 * i) & 15];
}

/* `frame`: the registers that the processor put on the stack, or NULL where that was not possible. */
__attribute__((used)) static void report_fault(const uint32_t *frame, uint32_t number)
{
    static char line[] = "fault ........ at ........, address ........ (status ........)\n";
    bool stack = frame < board_stack_low || frame + 8 > board_stack_high;
    text_of(line + 6, number);
    text_of(line + 18, stack ? 0 : frame[6]);
    text_of(line + 36, CFSR & MMFAR_VALID ? MMFAR : BFAR);
    text_of(line + 53, CFSR);
    semihosting_write_line(stack ? "the C stack is too small: give more with --stack\n" : line);
    semihosting_exit(3);
}

/* Every exception: takes its frame from the program's stack, and reports on the handler's own. */
__attribute__((naked)) static void fault(void)
{
    __asm__ volatile("mrs r0, psp\n"
                     "mrs r1, ipsr\n"
                     "b report_fault\n");
}

/* Makes the low 8 MB, where flash lies, read-only: the emulator has RAM there. */
static void protect_flash(void)
{
    MPU_RNR = 0;
    MPU_RBAR = 0;
    MPU_RASR = 6u << 24 | 1u << 17 | 22u << 1 | 1u; /* read-only and executable, cacheable, 2^(22+1) bytes */
    MPU_CTRL = 5;                                   /* on; everything else as without it */
    __asm__ volatile("dsb\nisb" ::: "memory");
}

static void begin(void)
{
    memcpy(board_data_low, board_data_load, (size_t)((uintptr_t)board_data_high - (uintptr_t)board_data_low));
    memset(board_bss_low, 0, (size_t)((uintptr_t)board_bss_high - (uintptr_t)board_bss_low));
    SHCSR |= 7u << 16; /* faults of memory, bus and usage by their own names */
    protect_flash();
    board_start_timer();
    board_exit(main());
}

/* Paints the stack, moves to it as process stack, and enables the FPU; the first stack pointer is the handler's. */
__attribute__((naked)) void board_reset(void)
{
    __asm__ volatile("ldr r0, =board_stack_low\n"
                     "ldr r1, =board_stack_high\n"
                     "ldr r2, =%c0\n"
                     "1: cmp r0, r1\n"
                     "it lo\n"
                     "strlo r2, [r0], #4\n"
                     "blo 1b\n"
                     "msr psp, r1\n"
                     "movs r0, #2\n"
                     "msr control, r0\n"
                     "isb\n"
                     "ldr r0, =0xe000ed88\n"
                     "ldr r1, [r0]\n"
                     "orr r1, r1, #0xf00000\n"
                     "str r1, [r0]\n"
                     "dsb\n"
                     "isb\n"
                     "b %c1\n"
                     ".ltorg\n"
                     :
                     : "i"(PAINT), "i"(begin));
}

struct board_memory board_stack(void)
{
    const uint32_t *at = board_stack_low;
    while (at < board_stack_high && *at == PAINT)
        at++;
    return (struct board_memory){ (size_t)(board_stack_high - board_stack_low) * 4, (size_t)(board_stack_high - at) * 4 };
}

size_t board_static_bytes(void)
{
    return (uintptr_t)board_data_high - (uintptr_t)board_data_low + (uintptr_t)board_bss_high - (uintptr_t)board_bss_low;
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    handler_stack + HANDLER_STACK / sizeof(uint64_t),
    board_reset,
    fault, fault, fault, fault, fault, /* NMI, hard, memory, bus, usage */
    0, 0, 0, 0,
    fault, fault, /* SVC, debug */
    0,
    fault, fault, /* PendSV, SysTick */
};
