/* Column rows of kws_conv_dense_pairs from neighbouring bytes of each input. */
#ifndef KWS_PUT_PAIRS_H
#define KWS_PUT_PAIRS_H

#include "kws_lanes.h"

#if KWS_ROW_PAIRS
/* Four pixels of two input channels at `a` and `b`, widened and side by side. */
static inline void kws_put_four(const int8_t *a, const int8_t *b, uint32_t *row) {
    uint32_t a02, a13, b02, b13, word;
    __asm__ volatile("ldr %0, [%5]\n\t"
                     "ldr %2, [%6]\n\t"
                     "sxtb16 %1, %0, ror #8\n\t"
                     "sxtb16 %0, %0\n\t"
                     "sxtb16 %3, %2, ror #8\n\t"
                     "sxtb16 %2, %2\n\t"
                     "pkhbt %4, %0, %2, lsl #16\n\t"
                     "str %4, [%7]\n\t"
                     "pkhbt %4, %1, %3, lsl #16\n\t"
                     "str %4, [%7, #4]\n\t"
                     "pkhtb %0, %2, %0, asr #16\n\t"
                     "str %0, [%7, #8]\n\t"
                     "pkhtb %1, %3, %1, asr #16\n\t"
                     "str %1, [%7, #12]"
                     : "=&r"(a02), "=&r"(a13), "=&r"(b02), "=&r"(b13), "=&r"(word)
                     : "r"(a), "r"(b), "r"(row)
                     : "memory");
}

/* Rows of `depth` inputs, `plane` bytes apart, of eight pixels or four; an input without a neighbour is beside zeros.
 */
static inline void kws_put_pairs(uint32_t *row, const int8_t *x, uint32_t plane, int32_t depth, int whole) {
    static const int8_t zeros[KWS_BLOCK] = {0};
    for (int32_t left = depth; left > 0; left -= 2) {
        const int8_t *y = left > 1 ? x + plane : zeros;
        kws_put_four(x, y, row);
        if (whole) {
            kws_put_four(x + 4, y + 4, row + 4);
        }
        row += KWS_BLOCK;
        x += 2 * plane;
    }
}
#endif

#endif /* KWS_PUT_PAIRS_H */
