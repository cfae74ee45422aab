/* One row of int8 weights against eight pixels, in assembly. */
#include "kws_dense_row.h"

#if KWS_THUMB2
#define KWS_DENSE_STEP "ldrsb r12, [r1], #1\n\t" KWS_ROW_MAC_NEXT

KWS_NAKED const uint8_t *kws_dense_assembly(KWS_ROW_PARAMETERS) {
    __asm__("ldr r12, [r2, #16]\n\t" KWS_ROW_ENTER /* r12: depth */
            "add lr, r1, r12\n\t"
            "ands r12, r12, #3\n\t"
            "beq 2f\n"
            "1:\n\t" /* depth modulo four */
            "push {r12}\n\t" KWS_DENSE_STEP "pop {r12}\n\t"
            "subs r12, r12, #1\n\t"
            "bne 1b\n"
            "2:\n\t"
            "cmp r1, lr\n\t"
            "beq 4f\n"
            "3:\n\t" KWS_DENSE_STEP KWS_DENSE_STEP KWS_DENSE_STEP KWS_DENSE_STEP "cmp r1, lr\n\t"
            "bne 3b\n"
            "4:\n\t" KWS_ROW_LEAVE);
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
