/* The 16-bit FFT with kissfft's order of stages and its rounding: each stage divides by its radix, then turns. */
#include "kws_frontend_mve.h"

enum { KWS_QUARTER = 32767 / 4, KWS_HALF = 32767 / 2 };

/* Pair n of windowed samples as one complex value, zero beyond the window. */
KWS_INLINE uint32_t load_pair(const kws_frontend_tables *tables, const int16_t *samples, uint32_t n, uint32_t shift) {
    if (n >= KWS_WINDOW(tables) / 2u) {
        return 0;
    }
    const int16_t *window = tables->window + 2 * n;
    const uint32_t real = (uint32_t)((samples[2 * n] * window[0]) >> KWS_WINDOW_BITS) << shift;
    const uint32_t imag = (uint32_t)((samples[2 * n + 1] * window[1]) >> KWS_WINDOW_BITS) << shift;
    return (real & 0xFFFFu) | (imag << 16);
}

/* Four values joined, the last three turned already. */
KWS_INLINE void radix4(uint32_t *at, uint32_t part, uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
    const uint32_t even_sum = kws_add(a, c), even_difference = kws_sub(a, c);
    const uint32_t odd_sum = kws_add(b, d), odd_difference = kws_sub(b, d);
    at[0] = kws_add(even_sum, odd_sum);
    at[part] = kws_sub_turned(even_difference, odd_difference);
    at[2 * part] = kws_sub(even_sum, odd_sum);
    at[3 * part] = kws_add_turned(even_difference, odd_difference);
}

/* Window, and the innermost stage, where every twiddle is one; written to places with their base-4 digits reversed.
 * Turning by one changes nothing, for the divided values are small. */
KWS_INLINE void first_stage(const kws_frontend_tables *tables, const int16_t *samples, uint32_t shift, uint32_t radix,
                            uint32_t *z) {
    const uint32_t groups = KWS_FFT_PAIRS(tables) / radix;
    uint32_t reversed = 0;
    for (uint32_t n = 0; n < groups; ++n) {
        uint32_t *to = z + radix * reversed;
        const uint32_t a = load_pair(tables, samples, n, shift);
        const uint32_t b = load_pair(tables, samples, n + groups, shift);
        if (radix == 4) {
            const uint32_t c = load_pair(tables, samples, n + 2 * groups, shift);
            const uint32_t d = load_pair(tables, samples, n + 3 * groups, shift);
            radix4(to, 1, kws_divide(a, KWS_QUARTER), kws_divide(b, KWS_QUARTER), kws_divide(c, KWS_QUARTER),
                   kws_divide(d, KWS_QUARTER));
        } else {
            const uint32_t first = kws_divide(a, KWS_HALF), second = kws_divide(b, KWS_HALF);
            to[0] = kws_add(first, second);
            to[1] = kws_sub(first, second);
        }
        /* Count up with the digits reversed. */
        uint32_t digit = groups >> 2;
        while (digit && (reversed & (3 * digit)) == 3 * digit) {
            reversed -= 3 * digit;
            digit >>= 2;
        }
        reversed += digit;
    }
}

/* Join transforms of `part` points four by four. */
KWS_INLINE void radix4_stage(const kws_frontend_tables *tables, uint32_t *z, uint32_t part) {
    const uint32_t stride = KWS_FFT_PAIRS(tables) / (4 * part);
    const uint32_t *end = z + KWS_FFT_PAIRS(tables);
#if KWS_HAS_VECTORS
    if (part >= 4) {
        for (uint32_t j = 0; j < part; j += 4) {
            const uint32_t *twiddles = tables->twiddles + j * stride;
            const int16x8_t w[3] = {kws_four_twiddles(twiddles, stride),
                                    kws_four_twiddles(twiddles + j * stride, 2 * stride),
                                    kws_four_twiddles(twiddles + 2 * j * stride, 3 * stride)};
            for (uint32_t *at = z + j; at < end; at += 4 * part) {
                kws_join_fours(at, part, KWS_QUARTER, w);
            }
        }
        return;
    }
#endif
    for (uint32_t j = 0; j < part; ++j) {
        const uint32_t w1 = tables->twiddles[j * stride];
        const uint32_t w2 = tables->twiddles[2 * j * stride];
        const uint32_t w3 = tables->twiddles[3 * j * stride];
        for (uint32_t *at = z + j; at < end; at += 4 * part) {
            radix4(at, part, kws_divide(at[0], KWS_QUARTER), kws_turn(kws_divide(at[part], KWS_QUARTER), w1),
                   kws_turn(kws_divide(at[2 * part], KWS_QUARTER), w2),
                   kws_turn(kws_divide(at[3 * part], KWS_QUARTER), w3));
        }
    }
}

void kws_frontend_fft(const kws_frontend_tables *tables, const int16_t *samples, uint32_t shift, uint32_t *scratch) {
    const uint32_t pairs = KWS_FFT_PAIRS(tables);
    /* Spelled out, so that each stage is compiled with its own constant offsets. */
    if (pairs & 0xAAAAAAAAu) { /* an odd power of two */
        first_stage(tables, samples, shift, 2, scratch);
        radix4_stage(tables, scratch, 2);
        radix4_stage(tables, scratch, 8);
        if (pairs >= 128) {
            radix4_stage(tables, scratch, 32);
        }
        if (pairs >= 512) {
            radix4_stage(tables, scratch, 128);
        }
    } else {
        first_stage(tables, samples, shift, 4, scratch);
        radix4_stage(tables, scratch, 4);
        radix4_stage(tables, scratch, 16);
        if (pairs >= 256) {
            radix4_stage(tables, scratch, 64);
        }
        if (pairs >= 1024) {
            radix4_stage(tables, scratch, 256);
        }
    }
}
