/* What the kernels for vectors (MVE, Helium: Cortex-M55, M85) share: blocks of sixteen pixels, requantised together. */
#ifndef KWS_MVE_H
#define KWS_MVE_H

#include "kws_engine.h"

#if KWS_MVE
#include <arm_mve.h>

#define KWS_MVE_BLOCK 16u /* pixels at once */

/* How many pixels of a plane are left from `pixel` on, at most a block: 1 or a multiple of four. */
static inline uint32_t kws_mve_count(uint32_t plane, uint32_t pixel) {
    const uint32_t left = plane - pixel;
    return left < KWS_MVE_BLOCK ? left : KWS_MVE_BLOCK;
}

/* The constants of one output channel. */
typedef struct {
    int32_t bias, multiplier, shift;
} kws_mve_scale;

static inline kws_mve_scale kws_mve_scale_of(const kws_requant *q, uint32_t channel) {
    const kws_mve_scale scale = {q->bias[channel], q->multiplier[channel], q->shift[channel]};
    return scale;
}

/* kws_rescale of four sums and their bias. A shift to the right rounds a second time, ties away from zero:
 *
 *   round(y / 2^s) = (y - [y < 0] + 2^(s-1)) >> s.
 *
 * VQRDMLAH brings the -1 of negative sums into y, VRSHL adds the half. A negative sum whose y is zero gets the -1 too,
 * which changes nothing, since s >= 1; and where VQRDMLAH saturates, at -2^31, the quotient is the same. */
static inline int32x4_t kws_mve_rescale(int32x4_t sum, kws_mve_scale scale) {
    const int32x4_t x = vaddq_n_s32(sum, scale.bias);
    if (scale.shift < 0) {
        return vrshlq_n_s32(vqrdmlahq_n_s32(vshrq_n_s32(x, 31), x, scale.multiplier), scale.shift);
    }
    return vqrdmulhq_n_s32(vshlq_r_s32(x, scale.shift), scale.multiplier);
}

/* Limits and zero point of a layer's outputs. */
typedef struct {
    int16_t zero_point;
    int8x16_t minimum, maximum;
} kws_mve_limits;

static inline kws_mve_limits kws_mve_limits_of(const kws_requant *q) {
    const kws_mve_limits limits = {q->zero_point, vdupq_n_s8((int8_t)q->minimum), vdupq_n_s8((int8_t)q->maximum)};
    return limits;
}

/* Four times four sums, lane l of `sums.val[i]` that of pixel 4 * l + i, to sixteen outputs. Saturating to 16 bits
 * before the zero point is added changes no output, since |zero point| <= 128. */
static inline int8x16_t kws_mve_requantize(int32x4x4_t sums, kws_mve_scale scale, kws_mve_limits limits) {
    int16x8_t even = vuninitializedq_s16(), odd = vuninitializedq_s16();
    even = vqmovnbq_s32(even, kws_mve_rescale(sums.val[0], scale));
    odd = vqmovnbq_s32(odd, kws_mve_rescale(sums.val[1], scale));
    even = vqmovntq_s32(even, kws_mve_rescale(sums.val[2], scale));
    odd = vqmovntq_s32(odd, kws_mve_rescale(sums.val[3], scale));
    int8x16_t out = vuninitializedq_s8();
    out = vqmovnbq_s16(out, vqaddq_n_s16(even, limits.zero_point));
    out = vqmovntq_s16(out, vqaddq_n_s16(odd, limits.zero_point));
    return vminq_s8(vmaxq_s8(out, limits.minimum), limits.maximum);
}
#endif

#endif /* KWS_MVE_H */
