/* Four butterflies at once for cores with vectors of integers (MVE, Helium); the same bits as the scalar code. */
#ifndef KWS_FRONTEND_MVE_H
#define KWS_FRONTEND_MVE_H

#include "kws_frontend_internal.h"
#include "kws_frontend_vectors.h"

#if KWS_HAS_VECTORS
/* Twiddles as upper halves of words, so that VMULH is kws_mul_low() and kws_mul_high(). */
typedef struct {
    int32x4_t low, high;
} kws_four_twiddles;

/* Those `step` entries apart, from `from` on. */
KWS_INLINE kws_four_twiddles kws_load_twiddles(const uint32_t *from, uint32_t step) {
    const uint32x4_t places = vmulq_n_u32(vidupq_n_u32(0, 1), step);
    const uint32x4_t words = vldrwq_gather_shifted_offset_u32(from, places);
    const uint32x4_t low = vshlq_n_u32(words, 16);
    const kws_four_twiddles w = {vreinterpretq_s32_u32(low),
                                 vreinterpretq_s32_u32(vshlq_n_u32(vshrq_n_u32(words, 16), 16))};
    return w;
}

/* Twice the product with a twiddle, halved: its real part negated, and its imaginary part, as in KWS_TURN. */
KWS_INLINE int32x4x2_t kws_turn_four(const int32_t *at, kws_four_twiddles w) {
    const int32x4x2_t x = vld2q_s32(at);
    int32x4x2_t turned;
    turned.val[0] = vaddq_s32(vmulhq_s32(x.val[0], w.low), vmulhq_s32(x.val[1], w.high));
    turned.val[1] = vsubq_s32(vmulhq_s32(x.val[0], w.high), vmulhq_s32(x.val[1], w.low));
    return turned;
}

KWS_INLINE void kws_store_four(int32_t *at, int32x4_t re, int32x4_t im) {
    const int32x4x2_t both = {{re, im}};
    vst2q_s32(at, both);
}

/* Four times four points of transforms that lie `step` words apart. */
KWS_INLINE void kws_join_fours(int32_t *first, uint32_t step, kws_four_twiddles w1, kws_four_twiddles w2,
                               kws_four_twiddles w3) {
    int32_t *second = first + step, *third = second + step, *fourth = third + step;
    const int32x4x2_t b = kws_turn_four(second, w2), a = vld2q_s32(first);
    const int32x4_t b_re = vshlq_n_s32(b.val[0], 1), b_im = vshlq_n_s32(b.val[1], 1);
    const int32x4_t even_sum_re = vsubq_s32(a.val[0], b_re), even_sum_im = vaddq_s32(a.val[1], b_im);
    const int32x4_t even_diff_re = vaddq_s32(a.val[0], b_re), even_diff_im = vsubq_s32(a.val[1], b_im);
    const int32x4x2_t c = kws_turn_four(third, w1), d = kws_turn_four(fourth, w3);
    const int32x4_t sum_re = vshlq_n_s32(vaddq_s32(c.val[0], d.val[0]), 1);
    const int32x4_t sum_im = vshlq_n_s32(vaddq_s32(c.val[1], d.val[1]), 1);
    kws_store_four(first, vsubq_s32(even_sum_re, sum_re), vaddq_s32(even_sum_im, sum_im));
    kws_store_four(third, vaddq_s32(even_sum_re, sum_re), vsubq_s32(even_sum_im, sum_im));
    const int32x4_t diff_re = vshlq_n_s32(vsubq_s32(c.val[0], d.val[0]), 1);
    const int32x4_t diff_im = vshlq_n_s32(vsubq_s32(c.val[1], d.val[1]), 1);
    kws_store_four(second, vaddq_s32(even_diff_re, diff_im), vaddq_s32(even_diff_im, diff_re));
    kws_store_four(fourth, vsubq_s32(even_diff_re, diff_im), vsubq_s32(even_diff_im, diff_re));
}

/* The same of two transforms. */
KWS_INLINE void kws_join_twos(int32_t *low, int32_t *high, kws_four_twiddles w) {
    const int32x4x2_t turned = kws_turn_four(high, w), a = vld2q_s32(low);
    const int32x4_t re = vshlq_n_s32(turned.val[0], 1), im = vshlq_n_s32(turned.val[1], 1);
    kws_store_four(high, vaddq_s32(a.val[0], re), vsubq_s32(a.val[1], im));
    kws_store_four(low, vsubq_s32(a.val[0], re), vaddq_s32(a.val[1], im));
}

/* Sums over a band, added to what is there: powers and powers times weights, of lower and upper words. */
typedef struct {
    uint64_t all_low, rising_low;
    uint32_t all_high, rising_high;
} kws_band;

KWS_INLINE void kws_add_four(kws_band *band, uint32x4_t low, uint32x4_t high, uint32x4_t weights) {
    band->all_low = vaddlvaq_u32(band->all_low, low);
    band->all_high = vaddvaq_u32(band->all_high, high);
    band->rising_low = vmlaldavaq_u32(band->rising_low, low, weights);
    band->rising_high = vmladavaq_u32(band->rising_high, high, weights);
}

KWS_INLINE void kws_add_band(kws_band *band, const int32_t *power, const uint16_t *rise, uint32_t bins) {
    const uint32_t *words = (const uint32_t *)power;
    for (; bins >= 4u; bins -= 4u) {
        const uint32x4x2_t x = vld2q_u32(words);
        kws_add_four(band, x.val[0], x.val[1], vldrhq_u32(rise));
        words += 8;
        rise += 4;
    }
    if (bins > 0) { /* what is behind the band is not read */
        const mve_pred16_t there = vctp32q(bins);
        const uint32x4_t places = vidupq_n_u32(0, 2);
        kws_add_four(band, vldrwq_gather_shifted_offset_z_u32(words, places, there),
                     vldrwq_gather_shifted_offset_z_u32(words + 1, places, there), vldrhq_z_u32(rise, there));
    }
}

/* Pairs n to n + 3 of windowed samples, real parts and imaginary ones, zero from `valid` on. */
KWS_INLINE int32x4x2_t kws_load_pairs(const int16_t *samples, const int16_t *window, uint32_t n, uint32_t valid) {
    const mve_pred16_t there = vctp16q(n < valid ? 2u * (valid - n) : 0u);
    const int16x8_t x = vldrhq_z_s16(samples + 2 * n, there), w = vldrhq_z_s16(window + 2 * n, there);
    const int32x4x2_t pairs = {
        {vshrq_n_s32(vmullbq_int_s16(x, w), KWS_WINDOW_SHIFT), vshrq_n_s32(vmulltq_int_s16(x, w), KWS_WINDOW_SHIFT)}};
    return pairs;
}

KWS_INLINE void kws_scatter_pair(int32_t *to, uint32x4_t places, int32x4_t re, int32x4_t im) {
    vstrwq_scatter_shifted_offset_s32(to, places, re);
    vstrwq_scatter_shifted_offset_s32(to + 1, places, im);
}

/* The first stage of pairs n to n + 3 and of those a quarter, a half and three quarters behind them, to `places`. */
KWS_INLINE void kws_first_fours(const int16_t *samples, const int16_t *window, uint32_t n, uint32_t quarter,
                                uint32_t valid, int32_t *to, uint32x4_t places) {
    const int32x4x2_t a = kws_load_pairs(samples, window, n, valid);
    const int32x4x2_t b = kws_load_pairs(samples, window, n + 2 * quarter, valid);
    const int32x4_t even_sum_re = vaddq_s32(a.val[0], b.val[0]), even_sum_im = vaddq_s32(a.val[1], b.val[1]);
    const int32x4_t even_diff_re = vsubq_s32(a.val[0], b.val[0]), even_diff_im = vsubq_s32(a.val[1], b.val[1]);
    const int32x4x2_t c = kws_load_pairs(samples, window, n + quarter, valid);
    const int32x4x2_t d = kws_load_pairs(samples, window, n + 3 * quarter, valid);
    const int32x4_t odd_sum_re = vaddq_s32(c.val[0], d.val[0]), odd_sum_im = vaddq_s32(c.val[1], d.val[1]);
    kws_scatter_pair(to, places, vaddq_s32(even_sum_re, odd_sum_re), vaddq_s32(even_sum_im, odd_sum_im));
    kws_scatter_pair(to + 4, places, vsubq_s32(even_sum_re, odd_sum_re), vsubq_s32(even_sum_im, odd_sum_im));
    const int32x4_t odd_diff_re = vsubq_s32(c.val[0], d.val[0]), odd_diff_im = vsubq_s32(c.val[1], d.val[1]);
    kws_scatter_pair(to + 2, places, vaddq_s32(even_diff_re, odd_diff_im), vsubq_s32(even_diff_im, odd_diff_re));
    kws_scatter_pair(to + 6, places, vsubq_s32(even_diff_re, odd_diff_im), vaddq_s32(even_diff_im, odd_diff_re));
}

/* Lower and upper words of the powers of four bins. */
KWS_INLINE uint32x4x2_t kws_four_powers(int32x4_t re, int32x4_t im) {
    const int32x4_t x = vshrq_n_s32(re, KWS_SPECTRUM_SHIFT), y = vshrq_n_s32(im, KWS_SPECTRUM_SHIFT);
    const uint32x4_t low = vreinterpretq_u32_s32(vmulq_s32(x, x));
    const uint32x4_t sum = vaddq_u32(low, vreinterpretq_u32_s32(vmulq_s32(y, y)));
    const uint32x4_t high = vreinterpretq_u32_s32(vaddq_s32(vmulhq_s32(x, x), vmulhq_s32(y, y)));
    const uint32x4x2_t words = {{sum, vaddq_m_n_u32(high, high, 1, vcmphiq_u32(low, sum))}};
    return words;
}

/* Bins k to k + 3 at `low`, and those that mirror them at `high` and before. */
KWS_INLINE void kws_mirrored_fours(int32_t *low, int32_t *high, const uint32_t *twiddles) {
    const int32x4_t half = vdupq_n_s32(1 << (KWS_SPECTRUM_SHIFT - 1));
    const kws_four_twiddles w = kws_load_twiddles(twiddles, 1);
    const uint32x4_t back = vddupq_n_u32(6, 2); /* from the last of the mirrored ones, which is the first in memory */
    const int32x4x2_t x = vld2q_s32(low);
    const int32x4_t re = vldrwq_gather_shifted_offset_s32(high - 6, back);
    const int32x4_t im = vldrwq_gather_shifted_offset_s32(high - 5, back);
    const int32x4_t diff_re = vsubq_s32(x.val[0], re), diff_im = vaddq_s32(x.val[1], im);
    const int32x4_t half_re = vaddq_s32(vshrq_n_s32(vaddq_s32(x.val[0], re), 1), half);
    const int32x4_t half_im = vaddq_s32(vshrq_n_s32(vsubq_s32(x.val[1], im), 1), half);
    const int32x4_t turned_re = vsubq_s32(vmulhq_s32(diff_re, w.high), vmulhq_s32(diff_im, w.low));
    const int32x4_t turned_im = vaddq_s32(vmulhq_s32(diff_re, w.low), vmulhq_s32(diff_im, w.high));
    const uint32x4x2_t behind = kws_four_powers(vsubq_s32(half_re, turned_re), vsubq_s32(half_im, turned_im));
    vstrwq_scatter_shifted_offset_u32((uint32_t *)high - 6, back, behind.val[0]);
    vstrwq_scatter_shifted_offset_u32((uint32_t *)high - 5, back, behind.val[1]);
    const uint32x4x2_t before = kws_four_powers(vaddq_s32(half_re, turned_re), vaddq_s32(half_im, turned_im));
    vst2q_u32((uint32_t *)low, before);
}
#endif

#endif /* KWS_FRONTEND_MVE_H */
