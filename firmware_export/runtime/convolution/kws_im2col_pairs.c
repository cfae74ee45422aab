/* Columns of a pointwise convolution for kws_conv_dense_pairs. */
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

/* A 1x1 window with stride 1; a channel without a neighbour is beside zeros. */
void kws_im2col_pairs(const kws_conv *layer, const int8_t *input, uint32_t pixel, void *columns) {
    static const int8_t zeros[KWS_BLOCK] = {0};
    uint32_t *row = (uint32_t *)columns;
    const uint32_t plane = layer->window.in_plane;
    const int whole = kws_block_count(plane, pixel) == KWS_BLOCK;
    const int8_t *x = input + pixel;
    for (int32_t left = layer->depth; left > 0; left -= 2) {
        const int8_t *y = left > 1 ? x + plane : zeros;
        kws_put_four(x, y, row);
        if (whole) {
            kws_put_four(x + 4, y + 4, row + 4);
        }
        row += KWS_BLOCK;
        x += 2 * plane;
    }
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
