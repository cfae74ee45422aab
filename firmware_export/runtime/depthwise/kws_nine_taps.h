/* Nine int8 taps as doubled pairs of int16, a few instructions a word. */
#ifndef KWS_NINE_TAPS_H
#define KWS_NINE_TAPS_H

#include <string.h>

#include "kws_engine.h"

#if KWS_DSP
/* Bytes 0 and 2, or 1 and 3, of a word as int16, doubled. */
static inline uint32_t kws_even_doubled(uint32_t word) {
    uint32_t out;
    __asm__("sxtb16 %0, %1\n\tsadd16 %0, %0, %0" : "=r"(out) : "r"(word));
    return out;
}

static inline uint32_t kws_odd_doubled(uint32_t word) {
    uint32_t out;
    __asm__("sxtb16 %0, %1, ror #8\n\tsadd16 %0, %0, %0" : "=r"(out) : "r"(word));
    return out;
}

/* The lower halves of two words, or the upper ones, or the lower of one and the upper of the other. */
static inline uint32_t kws_lower_halves(uint32_t low, uint32_t high) {
    uint32_t out;
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(out) : "r"(low), "r"(high));
    return out;
}

static inline uint32_t kws_upper_halves(uint32_t low, uint32_t high) {
    uint32_t out;
    __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(out) : "r"(high), "r"(low));
    return out;
}

static inline uint32_t kws_both_halves(uint32_t low, uint32_t high) {
    uint32_t out;
    __asm__("pkhbt %0, %1, %2" : "=r"(out) : "r"(low), "r"(high));
    return out;
}

/* Doubled taps 0 and 2, 1 and 3, and so on. */
typedef struct {
    uint32_t t02, t13, t35, t46, t57, t68;
} kws_nine_taps;

static inline kws_nine_taps kws_nine_taps_of(const int8_t *t) {
    uint32_t first, middle, last;
    memcpy(&first, t, 4);
    memcpy(&middle, t + 3, 4);
    memcpy(&last, t + 5, 4);
    const kws_nine_taps taps = {kws_even_doubled(first), kws_odd_doubled(first), kws_even_doubled(middle),
                                kws_odd_doubled(middle), kws_even_doubled(last), kws_odd_doubled(last)};
    return taps;
}

/* Of each row of the window its first two, and its last two. */
static inline void kws_row_taps(const kws_nine_taps *n, uint32_t taps[6]) {
    taps[0] = kws_lower_halves(n->t02, n->t13);
    taps[1] = kws_both_halves(n->t13, n->t02);
    taps[2] = kws_lower_halves(n->t35, n->t46);
    taps[3] = kws_both_halves(n->t46, n->t35);
    taps[4] = kws_both_halves(n->t68, n->t57);
    taps[5] = kws_upper_halves(n->t57, n->t68);
}
#endif

#endif /* KWS_NINE_TAPS_H */
