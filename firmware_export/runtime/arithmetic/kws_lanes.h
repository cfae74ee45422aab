/* Eight pixels at once: columns in scratch, sums in registers, results to one plane.
 *
 * Two pixels share a 32-bit word, x0 + x1 * 2^23, and a 64-bit sum: one 32 x 32 + 64 bit multiply-accumulate (SMLAL,
 * in every Armv7-M and Armv8-M mainline core) then does both. The lower lane holds 23 bits, so |sum| < 2^22: true for
 * any row with sum |w| < 2^15, which the code generator checks; longer dense rows are flushed on the way.
 * Cores without a long multiply (Armv6-M) keep eight int16 pixels and eight 32-bit sums: same scratch, same results.
 */
#ifndef KWS_LANES_H
#define KWS_LANES_H

#include "kws_requantize.h"

#if defined(__ARM_ARCH) && !defined(__thumb2__) && !defined(__aarch64__)
#define KWS_PAIRED 0
#else
#define KWS_PAIRED 1
#endif

#define KWS_LANE_BITS 23

#if KWS_PAIRED
typedef int32_t kws_lane;
#define KWS_LANES 4 /* lanes of one column row */
typedef struct {
    int32_t low0, high0, low1, high1, low2, high2, low3, high3;
} kws_sums;

static inline int32_t kws_pair(int32_t first, int32_t second) {
    return (int32_t)((uint32_t)first + ((uint32_t)second << KWS_LANE_BITS));
}

static inline void kws_accumulate_pair(int32_t *low, int32_t *high, int32_t x, int32_t weight) {
    const uint64_t old = ((uint64_t)(uint32_t)*high << 32) | (uint32_t)*low;
    const uint64_t sum = old + (uint64_t)((int64_t)x * weight);
    *low = (int32_t)(uint32_t)sum;
    *high = (int32_t)(uint32_t)(sum >> 32);
}

static inline void kws_accumulate(kws_sums *s, const kws_lane *row, int32_t weight) {
    kws_accumulate_pair(&s->low0, &s->high0, row[0], weight);
    kws_accumulate_pair(&s->low1, &s->high1, row[1], weight);
    kws_accumulate_pair(&s->low2, &s->high2, row[2], weight);
    kws_accumulate_pair(&s->low3, &s->high3, row[3], weight);
}

static inline int32_t kws_low_lane(int32_t low) {
    return (int32_t)((uint32_t)low << (32 - KWS_LANE_BITS)) >> (32 - KWS_LANE_BITS);
}

static inline int32_t kws_high_lane(int32_t low, int32_t high) {
    const uint32_t upper = ((uint32_t)low >> KWS_LANE_BITS) | ((uint32_t)high << (32 - KWS_LANE_BITS));
    return (int32_t)(upper + (((uint32_t)low >> (KWS_LANE_BITS - 1)) & 1u));
}

/* The eight sums as int32, lanes taken apart. */
static inline void kws_spread(const kws_sums *s, int32_t sum[KWS_BLOCK]) {
    sum[0] = kws_low_lane(s->low0);
    sum[1] = kws_high_lane(s->low0, s->high0);
    sum[2] = kws_low_lane(s->low1);
    sum[3] = kws_high_lane(s->low1, s->high1);
    sum[4] = kws_low_lane(s->low2);
    sum[5] = kws_high_lane(s->low2, s->high2);
    sum[6] = kws_low_lane(s->low3);
    sum[7] = kws_high_lane(s->low3, s->high3);
}
#else /* one sum a pixel */
typedef int16_t kws_lane;
#define KWS_LANES 8
typedef struct {
    int32_t low0, high0, low1, high1, low2, high2, low3, high3;
} kws_sums;

static inline void kws_accumulate(kws_sums *s, const kws_lane *row, int32_t weight) {
    s->low0 += weight * row[0];
    s->high0 += weight * row[1];
    s->low1 += weight * row[2];
    s->high1 += weight * row[3];
    s->low2 += weight * row[4];
    s->high2 += weight * row[5];
    s->low3 += weight * row[6];
    s->high3 += weight * row[7];
}

static inline void kws_spread(const kws_sums *s, int32_t sum[KWS_BLOCK]) {
    sum[0] = s->low0;
    sum[1] = s->high0;
    sum[2] = s->low1;
    sum[3] = s->high1;
    sum[4] = s->low2;
    sum[5] = s->high2;
    sum[6] = s->low3;
    sum[7] = s->high3;
}
#endif

/* Requantise the sums of output channel `channel` and write the `count` (1, 4 or 8) pixels of this block. */
void kws_store(const kws_requant *q, uint32_t channel, const kws_sums *s, int8_t *output, uint32_t count);

/* Put two neighbouring pixels, 2 * pair and 2 * pair + 1 of the block, into a column row. */
static inline void kws_put_pair(kws_lane *row, uint32_t pair, int32_t first, int32_t second) {
#if KWS_PAIRED
    row[pair] = kws_pair(first, second);
#else
    row[2 * pair] = (kws_lane)first;
    row[2 * pair + 1] = (kws_lane)second;
#endif
}

/* How many pixels of a plane are left from `pixel` on, at most a block. */
static inline uint32_t kws_block_count(uint32_t plane, uint32_t pixel) {
    const uint32_t left = plane - pixel;
    return left < KWS_BLOCK ? left : KWS_BLOCK;
}

#endif /* KWS_LANES_H */
