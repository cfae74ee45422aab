/* Reset to main on any Cortex-M: vector table, memory, stack paint. The linker script defines the symbols. */
#include <stddef.h>
#include <stdint.h>

#include "board.h"

extern uint32_t board_stack_top, board_data_load, board_data_start, board_data_end, board_bss_start, board_bss_end;

int main(void);
void board_reset(void);

static void board_fault(void) {
    board_exit(BOARD_FAULT);
}

typedef void (*board_handler)(void);
/* NMI and the faults; interrupts are not used. */
__attribute__((section(".vectors"), used)) static const board_handler board_vectors[16] = {
    (board_handler)(uintptr_t)&board_stack_top,
    board_reset,
    board_fault,
    board_fault,
    board_fault,
    board_fault,
    board_fault,
    board_fault,
    0,
    0,
    0,
    board_fault,
    0,
    0,
    board_fault,
    board_fault,
};

static uint32_t *board_paint_limit(uint32_t *top) {
    uint32_t *limit = &board_bss_end;
    return top - limit > BOARD_PAINT_WORDS ? top - BOARD_PAINT_WORDS : limit;
}

__attribute__((noinline)) static void board_paint(void) {
    uint32_t here;
    volatile uint32_t *word = board_paint_limit(&board_stack_top);
    while (word < &here - 8) {
        *word++ = BOARD_PAINT;
    }
}

size_t board_stack_used(void) {
    const volatile uint32_t *word = board_paint_limit(&board_stack_top);
    while (word < &board_stack_top && *word == BOARD_PAINT) {
        word++;
    }
    return (size_t)((uintptr_t)&board_stack_top - (uintptr_t)word);
}

void board_reset(void) {
    const uint32_t *from = &board_data_load;
    for (uint32_t *to = &board_data_start; to < &board_data_end; to++) {
        *to = *from++;
    }
    for (uint32_t *to = &board_bss_start; to < &board_bss_end; to++) {
        *to = 0;
    }
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    *(volatile uint32_t *)0xe000ed88u |= 0xfu << 20; /* CPACR: the floating-point and vector unit */
    __asm__ volatile("dsb\n\tisb" ::: "memory");
#endif
    board_paint();
    board_exit(main());
}
