/* Column rows from eight neighbouring bytes of each input. */
#ifndef KWS_WHOLE_BLOCKS_H
#define KWS_WHOLE_BLOCKS_H

#include "kws_lanes.h"

#if KWS_PAIRED && defined(__thumb2__) && defined(__GNUC__)
/* `depth` column rows from inputs `plane` bytes apart: two words of four pixels; loads that follow each other take one
 * cycle, which compilers do not keep together. */
#define KWS_FOUR_PIXELS(p0, p1, p2, p3, w0, w1) \
    "ldrsb %[a], [%[x], #" p0 "]\n\t"           \
    "ldrsb %[b], [%[x], #" p1 "]\n\t"           \
    "ldrsb %[c], [%[x], #" p2 "]\n\t"           \
    "ldrsb %[d], [%[x], #" p3 "]\n\t"           \
    "add %[a], %[a], %[b], lsl #23\n\t"         \
    "add %[c], %[c], %[d], lsl #23\n\t"         \
    "str %[a], [%[row], #" w0 "]\n\t"           \
    "str %[c], [%[row], #" w1 "]\n\t"
static inline void kws_whole_blocks(kws_lane *row, const int8_t *x, uint32_t plane, uint32_t depth) {
    int32_t a, b, c, d;
    __asm__ volatile(
        "1:\n\t" KWS_FOUR_PIXELS("0", "1", "2", "3", "0", "4")
            KWS_FOUR_PIXELS("4", "5", "6", "7", "8", "12") "add %[x], %[x], %[plane]\n\t"
                                                           "add %[row], %[row], #16\n\t"
                                                           "subs %[depth], %[depth], #1\n\t"
                                                           "bne 1b"
        : [row] "+&r"(row), [x] "+&r"(x), [depth] "+&r"(depth), [a] "=&r"(a), [b] "=&r"(b), [c] "=&r"(c), [d] "=&r"(d)
        : [plane] "r"(plane)
        : "memory", "cc");
}
#else
static inline void kws_whole_blocks(kws_lane *row, const int8_t *x, uint32_t plane, uint32_t depth) {
    for (; depth > 0; depth--) {
        kws_put_pair(row, 0, x[0], x[1]);
        kws_put_pair(row, 1, x[2], x[3]);
        kws_put_pair(row, 2, x[4], x[5]);
        kws_put_pair(row, 3, x[6], x[7]);
        row += KWS_LANES;
        x += plane;
    }
}
#endif

#endif /* KWS_WHOLE_BLOCKS_H */
