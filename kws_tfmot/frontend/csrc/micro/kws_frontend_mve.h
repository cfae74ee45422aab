/* Four complex values, or four bins, at once for cores with vectors of integers (MVE, Helium); the same bits as the
 * scalar code. */
#ifndef KWS_FRONTEND_MVE_H
#define KWS_FRONTEND_MVE_H

#include "kws_frontend_internal.h"
#include "kws_frontend_vectors.h"

#if KWS_HAS_VECTORS
KWS_INLINE int16x8_t kws_four_at(const uint32_t *at) {
    return vreinterpretq_s16_u32(vldrwq_u32(at));
}

KWS_INLINE void kws_put_four(uint32_t *at, int16x8_t z) {
    vstrwq_u32(at, vreinterpretq_u32_s16(z));
}

/* Twiddles that are `step` words apart. */
KWS_INLINE int16x8_t kws_four_twiddles(const uint32_t *twiddles, uint32_t step) {
    return vreinterpretq_s16_u32(vldrwq_gather_shifted_offset_u32(twiddles, vmulq_n_u32(vidupq_n_u32(0, 1), step)));
}

/* kws_turn of kws_divide: VQRDMULH rounds as they do. Divided by four, no value is large enough to saturate. */
KWS_INLINE int16x8_t kws_turn_four(const uint32_t *at, int16_t factor, int16x8_t w) {
    const int16x8_t z = vqrdmulhq_n_s16(kws_four_at(at), factor);
    return vqrdmladhxq_s16(vqrdmlsdhq_s16(z, z, w), z, w);
}

/* Butterflies at `at` to at + 3, whose values are `part` words apart. */
KWS_INLINE void kws_join_fours(uint32_t *at, uint32_t part, int16_t factor, const int16x8_t w[3]) {
    const int16x8_t a = vqrdmulhq_n_s16(kws_four_at(at), factor), c = kws_turn_four(at + 2 * part, factor, w[1]);
    const int16x8_t even_sum = vaddq_s16(a, c), even_difference = vsubq_s16(a, c);
    const int16x8_t b = kws_turn_four(at + part, factor, w[0]), d = kws_turn_four(at + 3 * part, factor, w[2]);
    const int16x8_t odd_sum = vaddq_s16(b, d), odd_difference = vsubq_s16(b, d);
    kws_put_four(at, vaddq_s16(even_sum, odd_sum));
    kws_put_four(at + part, vcaddq_rot270_s16(even_difference, odd_difference));
    kws_put_four(at + 2 * part, vsubq_s16(even_sum, odd_sum));
    kws_put_four(at + 3 * part, vcaddq_rot90_s16(even_difference, odd_difference));
}

/* Energies times the lower and the upper halves of weights, added to `falling` and `rising`. */
KWS_INLINE void kws_add_bins(const uint32_t *bin, const uint32_t *weight, uint32_t bins, uint64_t *falling,
                             uint64_t *rising) {
    for (uint32_t left = bins; left > 0; left = left > 4u ? left - 4u : 0u) {
        const mve_pred16_t there = vctp32q(left);
        const uint32x4_t x = vldrwq_z_u32(bin, there), w = vldrwq_z_u32(weight, there);
        *falling = vmlaldavaq_u32(*falling, x, vandq_u32(w, vdupq_n_u32(0xFFFF)));
        *rising = vmlaldavaq_u32(*rising, x, vshrq_n_u32(w, 16));
        bin += 4;
        weight += 4;
    }
}
#endif

#endif /* KWS_FRONTEND_MVE_H */
