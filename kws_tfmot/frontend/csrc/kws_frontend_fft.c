#include "kws_frontend_internal.h"

/* Load pair n of windowed samples, zero beyond the window. */
static inline void load_pair(const kws_frontend_tables *tables, const int16_t *samples, uint32_t n, int32_t *re,
                             int32_t *im) {
    if (2 * n < tables->window_samples) {
        *re = (samples[2 * n] * tables->window[2 * n]) >> KWS_WINDOW_SHIFT;
        *im = (samples[2 * n + 1] * tables->window[2 * n + 1]) >> KWS_WINDOW_SHIFT;
    } else {
        *re = 0;
        *im = 0;
    }
}

/* Butterfly of four complex values, `step` words apart, three of them already turned (re negated, both halved
 * where `shift` is 1). */
static inline void butterfly(int32_t *z, uint32_t step, int32_t ar, int32_t ai, int32_t br, int32_t bi, int32_t cr,
                             int32_t ci, int32_t dr, int32_t di) {
    const int32_t even_sum_re = ar + br, even_sum_im = ai + bi;
    const int32_t even_diff_re = ar - br, even_diff_im = ai - bi;
    const int32_t odd_sum_re = cr + dr, odd_sum_im = ci + di;
    const int32_t odd_diff_re = cr - dr, odd_diff_im = ci - di;
    z[0] = even_sum_re + odd_sum_re;
    z[1] = even_sum_im + odd_sum_im;
    z[step] = even_diff_re + odd_diff_im;
    z[step + 1] = even_diff_im - odd_diff_re;
    z[2 * step] = even_sum_re - odd_sum_re;
    z[2 * step + 1] = even_sum_im - odd_sum_im;
    z[3 * step] = even_diff_re - odd_diff_im;
    z[3 * step + 1] = even_diff_im + odd_diff_re;
}

/* The window and the first radix-4 stage (no twiddles), written to bit-reversed places. */
static void first_stage(const kws_frontend_tables *tables, const int16_t *samples, int32_t *z) {
    const uint32_t quarter = tables->fft_pairs / 4u;
    uint32_t reversed = 0;
    for (uint32_t n = 0; n < quarter; ++n) {
        int32_t ar, ai, br, bi, cr, ci, dr, di;
        load_pair(tables, samples, n, &ar, &ai);
        load_pair(tables, samples, n + 2 * quarter, &br, &bi);
        load_pair(tables, samples, n + quarter, &cr, &ci);
        load_pair(tables, samples, n + 3 * quarter, &dr, &di);
        butterfly(z + 8 * reversed, 2, ar, ai, br, bi, cr, ci, dr, di);
        /* Count up in bit-reversed order. */
        uint32_t bit = quarter >> 1;
        while (reversed & bit) {
            reversed ^= bit;
            bit >>= 1;
        }
        reversed |= bit;
    }
}

/* Join transforms of `part` points four by four. */
static void radix4_stage(const kws_frontend_tables *tables, int32_t *z, uint32_t part) {
    const uint32_t pairs = tables->fft_pairs;
    const uint32_t stride = pairs / (2 * part);
    const uint32_t step = 2 * part;
    for (uint32_t j = 0; j < part; ++j) {
        const uint32_t w1 = tables->twiddles[j * stride];
        const uint32_t w2 = tables->twiddles[2 * j * stride];
        const uint32_t w3 = tables->twiddles[3 * j * stride];
        int32_t *end = z + 2 * pairs;
        for (int32_t *at = z + 2 * j; at < end; at += 4 * step) {
            const int32_t br = at[step], bi = at[step + 1];
            const int32_t cr = at[2 * step], ci = at[2 * step + 1];
            const int32_t dr = at[3 * step], di = at[3 * step + 1];
            butterfly(at, step, at[0], at[1], /* even parts first: n = 0 and n = 2 (mod 4) */
                      -2 * (kws_mul_low(br, w2) + kws_mul_high(bi, w2)),
                      2 * (kws_mul_high(br, w2) - kws_mul_low(bi, w2)),
                      -2 * (kws_mul_low(cr, w1) + kws_mul_high(ci, w1)),
                      2 * (kws_mul_high(cr, w1) - kws_mul_low(ci, w1)),
                      -2 * (kws_mul_low(dr, w3) + kws_mul_high(di, w3)),
                      2 * (kws_mul_high(dr, w3) - kws_mul_low(di, w3)));
        }
    }
}

/* Join the last two transforms, where the size is no power of four. */
static void radix2_stage(const kws_frontend_tables *tables, int32_t *z) {
    const uint32_t half = tables->fft_pairs / 2u;
    for (uint32_t j = 0; j < half; ++j) {
        const uint32_t w = tables->twiddles[2 * j];
        int32_t *low = z + 2 * j;
        int32_t *high = low + 2 * half;
        const int32_t re = -2 * (kws_mul_low(high[0], w) + kws_mul_high(high[1], w));
        const int32_t im = 2 * (kws_mul_high(high[0], w) - kws_mul_low(high[1], w));
        high[0] = low[0] - re;
        high[1] = low[1] - im;
        low[0] += re;
        low[1] += im;
    }
}

void kws_frontend_fft(const kws_frontend_tables *tables, const int16_t *samples, int32_t *scratch) {
    first_stage(tables, samples, scratch);
    uint32_t part = 4;
    for (; part * 4 <= tables->fft_pairs; part *= 4) {
        radix4_stage(tables, scratch, part);
    }
    if (part < tables->fft_pairs) {
        radix2_stage(tables, scratch);
    }
}
