/* Columns of a pointwise convolution for kws_conv_dense_pairs. */
#include <string.h>

#include "kws_lanes.h"

#if KWS_ROW_PAIRS
/* Four pixels of two input channels, widened and side by side. */
static void kws_put_four(uint32_t *row, uint32_t a, uint32_t b) {
    uint32_t a02, a13, b02, b13;
    __asm__("sxtb16 %0, %1" : "=r"(a02) : "r"(a));
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(a13) : "r"(a));
    __asm__("sxtb16 %0, %1" : "=r"(b02) : "r"(b));
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(b13) : "r"(b));
    row[0] = (a02 & 0xffffu) | (b02 << 16);
    row[1] = (a13 & 0xffffu) | (b13 << 16);
    __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(a02) : "r"(b02), "r"(a02));
    __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(a13) : "r"(b13), "r"(a13));
    row[2] = a02;
    row[3] = a13;
}

static uint32_t kws_four_of(const int8_t *x) {
    uint32_t word;
    memcpy(&word, x, sizeof word);
    return word;
}

/* A 1x1 window with stride 1; a channel without a neighbour stands beside zeros. */
void kws_gather_pairs(const kws_conv *layer, const int8_t *input, uint32_t pixel, void *columns) {
    uint32_t *row = (uint32_t *)columns;
    const uint32_t plane = layer->window.in_plane;
    const int whole = kws_block_count(plane, pixel) == KWS_BLOCK;
    const int8_t *x = input + pixel;
    for (uint32_t left = layer->depth / 2u; left > 0; left--) {
        const int8_t *y = x + plane;
        kws_put_four(row, kws_four_of(x), kws_four_of(y));
        if (whole) {
            kws_put_four(row + 4, kws_four_of(x + 4), kws_four_of(y + 4));
        }
        row += KWS_BLOCK;
        x = y + plane;
    }
    if (layer->depth & 1u) {
        kws_put_four(row, kws_four_of(x), 0);
        if (whole) {
            kws_put_four(row + 4, kws_four_of(x + 4), 0);
        }
    }
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
