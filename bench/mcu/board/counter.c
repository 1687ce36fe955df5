/* The count of instructions: CMSDK timer 0 of the MPS2 boards, which counts down at 25 MHz. */
#include "board.h"

#define TIMER 0x40000000u
#define REGISTER(offset) (*(volatile uint32_t *)(TIMER + (offset)))
#define CTRL REGISTER(0x0)
#define VALUE REGISTER(0x4)
#define RELOAD REGISTER(0x8)
/* One instruction is a nanosecond under `-icount shift=0`, one tick 40 ns. */
#define INSTRUCTIONS_A_TICK 40

void board_start_timer(void);

static uint32_t last = UINT32_MAX;
static uint64_t ticks;

void board_start_timer(void)
{
    RELOAD = UINT32_MAX;
    VALUE = UINT32_MAX;
    CTRL = 1;
}

uint64_t board_instructions(void)
{
    uint32_t now = VALUE;
    ticks += last - now; /* right over a wrap, too: the timer goes from 0 to its reload value, all ones */
    last = now;
    return ticks * INSTRUCTIONS_A_TICK;
}
