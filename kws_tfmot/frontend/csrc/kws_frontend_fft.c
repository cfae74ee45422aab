/* The window and the FFT of a frame: pairs of samples as complex numbers, radix 4 in place, in 32 bits. */
#include "kws_frontend_internal.h"
#include "kws_frontend_mve.h"

/* Pair n of windowed samples as one complex value, zero beyond the window. */
KWS_INLINE void load_pair(const int16_t *samples, const int16_t *window, uint32_t n, uint32_t valid, int32_t *re,
                          int32_t *im) {
    *re = 0;
    *im = 0;
    if (n < valid) {
#if KWS_HAS_DSP
        const uint32_t x = kws_load_two(samples + 2 * n);
        const uint32_t w = kws_load_two(window + 2 * n);
        *re = kws_mul_low_low(x, w) >> KWS_WINDOW_SHIFT;
        *im = kws_mul_high_high(x, w) >> KWS_WINDOW_SHIFT;
#else
        *re = (samples[2 * n] * window[2 * n]) >> KWS_WINDOW_SHIFT;
        *im = (samples[2 * n + 1] * window[2 * n + 1]) >> KWS_WINDOW_SHIFT;
#endif
    }
}

/* Count up in bit-reversed order, from `bit` on. */
KWS_INLINE uint32_t next_reversed(uint32_t reversed, uint32_t bit) {
    while (reversed & bit) {
        reversed ^= bit;
        bit >>= 1;
    }
    return reversed | bit;
}

/* The window and the first radix-4 stage (no twiddles), written to bit-reversed places. */
static void first_stage(const kws_frontend_tables *tables, const int16_t *samples, int32_t *z) {
    const int16_t *window = tables->window;
    const uint32_t quarter = KWS_FFT_PAIRS(tables) / 4u;
    const uint32_t valid = KWS_WINDOW(tables) / 2u;
    uint32_t reversed = 0;
#if KWS_HAS_VECTORS
    const uint32_t apart[4] = {0, 4 * quarter, 2 * quarter, 6 * quarter}; /* eight words each, in bit-reversed order */
    const uint32x4_t places = vldrwq_u32(apart);
    for (uint32_t n = 0; n < quarter; n += 4) {
        kws_first_fours(samples, window, n, quarter, valid, z + 8 * reversed, places);
        reversed = next_reversed(reversed, quarter >> 3);
    }
#else
    for (uint32_t n = 0; n < quarter; ++n) {
        int32_t ar, ai, br, bi, cr, ci, dr, di;
        int32_t *to = z + 8 * reversed;
        load_pair(samples, window, n, valid, &ar, &ai);
        load_pair(samples, window, n + 2 * quarter, valid, &br, &bi);
        const int32_t even_sum_re = ar + br, even_sum_im = ai + bi;
        const int32_t even_diff_re = ar - br, even_diff_im = ai - bi;
        load_pair(samples, window, n + quarter, valid, &cr, &ci);
        load_pair(samples, window, n + 3 * quarter, valid, &dr, &di);
        const int32_t odd_sum_re = cr + dr, odd_sum_im = ci + di;
        const int32_t odd_diff_re = cr - dr, odd_diff_im = ci - di;
        to[0] = even_sum_re + odd_sum_re;
        to[1] = even_sum_im + odd_sum_im;
        to[2] = even_diff_re + odd_diff_im;
        to[3] = even_diff_im - odd_diff_re;
        to[4] = even_sum_re - odd_sum_re;
        to[5] = even_sum_im - odd_sum_im;
        to[6] = even_diff_re - odd_diff_im;
        to[7] = even_diff_im + odd_diff_re;
        reversed = next_reversed(reversed, quarter >> 1);
    }
#endif
}

/* Product with a twiddle, halved: minus the real part, and the imaginary part. */
#define KWS_TURN(minus_re, im, at, w)                                           \
    const int32_t minus_re = kws_mac_high((at)[1], w, kws_mul_low((at)[0], w)); \
    const int32_t im = kws_mul_high((at)[0], w) - kws_mul_low((at)[1], w)

/* Join transforms of `part` points four by four. */
KWS_INLINE void radix4_stage(const kws_frontend_tables *tables, int32_t *z, uint32_t part) {
    const uint32_t step = 2 * part;
    const uint32_t stride = KWS_FFT_PAIRS(tables) / step;
    const int32_t *end = z + 2 * KWS_FFT_PAIRS(tables);
    const uint32_t *twiddles = tables->twiddles;
#if KWS_HAS_VECTORS
    for (uint32_t j = 0; j < part; j += 4, z += 8) {
        const kws_four_twiddles w1 = kws_load_twiddles(twiddles + j * stride, stride);
        const kws_four_twiddles w2 = kws_load_twiddles(twiddles + 2 * j * stride, 2 * stride);
        const kws_four_twiddles w3 = kws_load_twiddles(twiddles + 3 * j * stride, 3 * stride);
        for (int32_t *at = z; at < end; at += 4 * step) {
            kws_join_fours(at, step, w1, w2, w3);
        }
    }
#else
    for (uint32_t j = 0; j < part; ++j, z += 2) {
        const uint32_t w1 = twiddles[j * stride];
        const uint32_t w2 = twiddles[2 * j * stride];
        const uint32_t w3 = twiddles[3 * j * stride];
        for (int32_t *at = z; at < end; at += 2 * step) {
            /* In bit-reversed order the second part holds the samples n = 2 (mod 4), the third n = 1. */
            int32_t *first = at;
            int32_t *second = at + step;
            at = second + step;
            int32_t *fourth = at + step;
            KWS_TURN(b_re, b_im, second, w2);
            const int32_t even_sum_re = first[0] - 2 * b_re, even_sum_im = first[1] + 2 * b_im;
            const int32_t even_diff_re = first[0] + 2 * b_re, even_diff_im = first[1] - 2 * b_im;
            KWS_TURN(c_re, c_im, at, w1);
            KWS_TURN(d_re, d_im, fourth, w3);
            const int32_t sum_re = c_re + d_re, sum_im = c_im + d_im;
            const int32_t diff_re = c_re - d_re, diff_im = c_im - d_im;
            first[0] = even_sum_re - 2 * sum_re;
            first[1] = even_sum_im + 2 * sum_im;
            second[0] = even_diff_re + 2 * diff_im;
            second[1] = even_diff_im + 2 * diff_re;
            at[0] = even_sum_re + 2 * sum_re;
            at[1] = even_sum_im - 2 * sum_im;
            fourth[0] = even_diff_re - 2 * diff_im;
            fourth[1] = even_diff_im - 2 * diff_re;
        }
    }
#endif
}

/* Join the last two transforms, where the size is no power of four. */
static void radix2_stage(const kws_frontend_tables *tables, int32_t *z) {
    const uint32_t half = KWS_FFT_PAIRS(tables) / 2u;
#if KWS_HAS_VECTORS
    for (uint32_t j = 0; j < half; j += 4) {
        const kws_four_twiddles w = kws_load_twiddles(tables->twiddles + 2 * j, 2);
        kws_join_twos(z + 2 * j, z + 2 * j + 2 * half, w);
    }
#else
    for (uint32_t j = 0; j < half; ++j) {
        const uint32_t w = tables->twiddles[2 * j];
        int32_t *low = z + 2 * j;
        int32_t *high = low + 2 * half;
        KWS_TURN(minus_re, im, high, w);
        high[0] = low[0] + 2 * minus_re;
        high[1] = low[1] - 2 * im;
        low[0] -= 2 * minus_re;
        low[1] += 2 * im;
    }
#endif
}

void kws_frontend_fft(const kws_frontend_tables *tables, const int16_t *samples, int32_t *scratch) {
    const uint32_t pairs = KWS_FFT_PAIRS(tables);
    first_stage(tables, samples, scratch);
    /* Spelled out, so that each stage is compiled with its own constant offsets. */
    if (pairs >= 16) {
        radix4_stage(tables, scratch, 4);
    }
    if (pairs >= 64) {
        radix4_stage(tables, scratch, 16);
    }
    if (pairs >= 256) {
        radix4_stage(tables, scratch, 64);
    }
    if (pairs >= 1024) {
        radix4_stage(tables, scratch, 256);
    }
    if (pairs & 0xAAAAAAAAu) { /* an odd power of two */
        radix2_stage(tables, scratch);
    }
}
