/* Host only: kws_frontend_frame() of eight frames at once, by AVX2, with the same integers. */
#include "kws_frontend_clips.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#define KWS_AVX2 __attribute__((target("avx2")))
#define KWS_LANE_INLINE static inline __attribute__((always_inline, target("avx2")))

typedef int32_t lanes __attribute__((vector_size(32)));

/* floor(value * factor / 2^16) in every lane; see kws_mul_short(). */
KWS_LANE_INLINE lanes scaled(lanes value, int32_t factor) {
    return (value >> 16) * factor + (((value & 0xFFFF) * factor) >> 16);
}

KWS_LANE_INLINE int32_t low_half(uint32_t pair) {
    return (int32_t)(pair << 16) >> 16;
}

KWS_LANE_INLINE int32_t high_half(uint32_t pair) {
    return (int32_t)pair >> 16;
}

/* Pairs n to n + 3 of the samples of every frame: of frame i the 32 bits at lane i. */
KWS_LANE_INLINE void load_pairs(const int16_t *samples, size_t hop, uint32_t n, uint32_t valid, lanes *pairs) {
    __m256i rows[4], halves[4];
    if (n + 4 > valid) { /* some lie behind the window: the samples there may not be ours to read */
        const __m256i at = (__m256i)((lanes){0, 1, 2, 3, 4, 5, 6, 7} * (int32_t)(2 * hop));
        for (uint32_t k = 0; k < 4; ++k) {
            const int *from = (const int *)(const void *)(samples + 2 * (n + k));
            pairs[k] = n + k < valid ? (lanes)_mm256_i32gather_epi32(from, at, 1) : (lanes){0};
        }
        return;
    }
    for (size_t frame = 0; frame < 4; ++frame) {
        const int16_t *from = samples + frame * hop + 2 * n;
        const __m128i low = _mm_loadu_si128((const __m128i *)(const void *)from);
        const __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(from + 4 * hop));
        rows[frame] = _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
    }
    halves[0] = _mm256_unpacklo_epi32(rows[0], rows[1]);
    halves[1] = _mm256_unpacklo_epi32(rows[2], rows[3]);
    halves[2] = _mm256_unpackhi_epi32(rows[0], rows[1]);
    halves[3] = _mm256_unpackhi_epi32(rows[2], rows[3]);
    for (uint32_t k = 0; k < 4; k += 2) {
        pairs[k] = (lanes)_mm256_unpacklo_epi64(halves[k], halves[k + 1]);
        pairs[k + 1] = (lanes)_mm256_unpackhi_epi64(halves[k], halves[k + 1]);
    }
}

/* The windowed samples of pair n. */
KWS_LANE_INLINE void apply_window(lanes pair, const int16_t *window, uint32_t n, uint32_t valid, lanes *re, lanes *im) {
    if (n >= valid) {
        *re = *im = (lanes){0};
        return;
    }
    *re = (((pair << 16) >> 16) * window[2 * n]) >> KWS_WINDOW_SHIFT;
    *im = ((pair >> 16) * window[2 * n + 1]) >> KWS_WINDOW_SHIFT;
}

KWS_LANE_INLINE void first_stage(const kws_frontend_tables *tables, const int16_t *samples, lanes *z) {
    const uint32_t quarter = KWS_FFT_PAIRS(tables) / 4u;
    const uint32_t valid = KWS_WINDOW(tables) / 2u;
    const size_t hop = tables->hop_samples;
    const int16_t *window = tables->window;
    lanes pairs[4][4];
    uint32_t reversed = 0;
    for (uint32_t n = 0; n < quarter; ++n) {
        lanes ar, ai, br, bi, cr, ci, dr, di;
        lanes *to = z + 8 * reversed;
        if (n % 4 == 0) {
            for (uint32_t part = 0; part < 4; ++part) {
                load_pairs(samples, hop, n + part * quarter, valid, pairs[part]);
            }
        }
        apply_window(pairs[0][n % 4], window, n, valid, &ar, &ai);
        apply_window(pairs[2][n % 4], window, n + 2 * quarter, valid, &br, &bi);
        apply_window(pairs[1][n % 4], window, n + quarter, valid, &cr, &ci);
        apply_window(pairs[3][n % 4], window, n + 3 * quarter, valid, &dr, &di);
        to[0] = (ar + br) + (cr + dr);
        to[1] = (ai + bi) + (ci + di);
        to[2] = (ar - br) + (ci - di);
        to[3] = (ai - bi) - (cr - dr);
        to[4] = (ar + br) - (cr + dr);
        to[5] = (ai + bi) - (ci + di);
        to[6] = (ar - br) - (ci - di);
        to[7] = (ai - bi) + (cr - dr);
        uint32_t bit = quarter >> 1;
        while (reversed & bit) {
            reversed ^= bit;
            bit >>= 1;
        }
        reversed |= bit;
    }
}

/* Product with a twiddle, halved: minus the real part, and the imaginary part. */
KWS_LANE_INLINE void turn(const lanes *at, uint32_t w, lanes *minus_re, lanes *im) {
    const int32_t low = low_half(w), high = high_half(w);
    *minus_re = scaled(at[0], low) + scaled(at[1], high);
    *im = scaled(at[0], high) - scaled(at[1], low);
}

KWS_LANE_INLINE void radix4_stage(const kws_frontend_tables *tables, lanes *z, uint32_t part) {
    const uint32_t step = 2 * part;
    const uint32_t stride = KWS_FFT_PAIRS(tables) / step;
    const lanes *end = z + 2 * KWS_FFT_PAIRS(tables);
    const uint32_t *twiddles = tables->twiddles;
    for (uint32_t j = 0; j < part; ++j, z += 2) {
        const uint32_t w1 = twiddles[j * stride];
        const uint32_t w2 = twiddles[2 * j * stride];
        const uint32_t w3 = twiddles[3 * j * stride];
        for (lanes *first = z; first < end; first += 4 * step) {
            lanes *second = first + step, *third = second + step, *fourth = third + step;
            lanes b_re, b_im, c_re, c_im, d_re, d_im;
            turn(second, w2, &b_re, &b_im);
            const lanes even_sum_re = first[0] - 2 * b_re, even_sum_im = first[1] + 2 * b_im;
            const lanes even_diff_re = first[0] + 2 * b_re, even_diff_im = first[1] - 2 * b_im;
            turn(third, w1, &c_re, &c_im);
            turn(fourth, w3, &d_re, &d_im);
            const lanes sum_re = c_re + d_re, sum_im = c_im + d_im;
            const lanes diff_re = c_re - d_re, diff_im = c_im - d_im;
            first[0] = even_sum_re - 2 * sum_re;
            first[1] = even_sum_im + 2 * sum_im;
            second[0] = even_diff_re + 2 * diff_im;
            second[1] = even_diff_im + 2 * diff_re;
            third[0] = even_sum_re + 2 * sum_re;
            third[1] = even_sum_im - 2 * sum_im;
            fourth[0] = even_diff_re - 2 * diff_im;
            fourth[1] = even_diff_im - 2 * diff_re;
        }
    }
}

KWS_LANE_INLINE void radix2_stage(const kws_frontend_tables *tables, lanes *z) {
    const uint32_t half = KWS_FFT_PAIRS(tables) / 2u;
    for (uint32_t j = 0; j < half; ++j) {
        lanes *low = z + 2 * j, *high = low + 2 * half;
        lanes minus_re, im;
        turn(high, tables->twiddles[2 * j], &minus_re, &im);
        high[0] = low[0] + 2 * minus_re;
        high[1] = low[1] - 2 * im;
        low[0] -= 2 * minus_re;
        low[1] += 2 * im;
    }
}

/* Low and high words of re^2 + im^2. */
KWS_LANE_INLINE void store_power(lanes *at, lanes re, lanes im) {
    const __m256i a = (__m256i)(re >> KWS_SPECTRUM_SHIFT), b = (__m256i)(im >> KWS_SPECTRUM_SHIFT);
    const __m256i odd_a = _mm256_srli_epi64(a, 32), odd_b = _mm256_srli_epi64(b, 32);
    const __m256i even = _mm256_add_epi64(_mm256_mul_epi32(a, a), _mm256_mul_epi32(b, b));
    const __m256i odd = _mm256_add_epi64(_mm256_mul_epi32(odd_a, odd_a), _mm256_mul_epi32(odd_b, odd_b));
    at[0] = (lanes)_mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA);
    at[1] = (lanes)_mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA);
}

KWS_LANE_INLINE void powers(const kws_frontend_tables *tables, lanes *z) {
    const uint32_t pairs = KWS_FFT_PAIRS(tables);
    const int32_t half = 1 << (KWS_SPECTRUM_SHIFT - 1);
    lanes *low = z + 2, *high = z + 2 * (pairs - 1);
    for (uint32_t k = 1; k <= pairs / 2; ++k, low += 2, high -= 2) {
        const int32_t wl = low_half(tables->twiddles[k]), wh = high_half(tables->twiddles[k]);
        const lanes diff_re = low[0] - high[0], diff_im = low[1] + high[1];
        const lanes half_re = ((low[0] + high[0]) >> 1) + half, half_im = ((low[1] - high[1]) >> 1) + half;
        const lanes turned_re = scaled(diff_re, wh) - scaled(diff_im, wl);
        const lanes turned_im = scaled(diff_re, wl) + scaled(diff_im, wh);
        store_power(high, half_re - turned_re, half_im - turned_im);
        store_power(low, half_re + turned_re, half_im + turned_im);
    }
}

/* kws_frontend_log2(), inlined. */
KWS_LANE_INLINE int16_t log2_of(const kws_frontend_tables *tables, uint64_t value) {
    const int32_t zeros = __builtin_clzll(value);
    const uint32_t top = (uint32_t)((value << zeros) >> 32);
    const uint32_t index = (top >> (31 - KWS_LOG_TABLE_BITS)) & ((1u << KWS_LOG_TABLE_BITS) - 1u);
    const uint32_t fraction = (top >> (15 - KWS_LOG_TABLE_BITS)) & 0xFFFFu;
    const uint32_t here = tables->log2[index];
    const uint32_t rise = tables->log2[index + 1] - here;
    const int32_t mantissa = (int32_t)(here + ((rise * fraction + 0x8000u) >> 16));
    const int32_t octaves = (63 - zeros) * 32768 + mantissa - tables->log_offset;
    return (int16_t)((octaves + (1 << (14 - KWS_LOG_BITS))) >> (15 - KWS_LOG_BITS));
}

/* Energies of a band: in 64 bits, of the even lanes and of the odd ones. */
typedef struct {
    __m256i all[2], rising[2];
} band_sums;

/* Sums over the bins whose weights are at rise to end, as kws_frontend_log_mel() has them. */
KWS_LANE_INLINE band_sums sums_of(const lanes *power, const uint16_t *rise, const uint16_t *end) {
    const __m256i low_words = _mm256_set1_epi64x(0xFFFFFFFF), zero = _mm256_setzero_si256();
    band_sums sums = {{zero, zero}, {zero, zero}};
    __m256i all_high = zero, rising_high = zero;
    for (; rise < end; ++rise, power += 2) {
        const __m256i even = (__m256i)power[0], high = (__m256i)power[1], weight = _mm256_set1_epi32(*rise);
        const __m256i odd = _mm256_srli_epi64(even, 32);
        sums.all[0] = _mm256_add_epi64(sums.all[0], _mm256_and_si256(even, low_words));
        sums.all[1] = _mm256_add_epi64(sums.all[1], odd);
        sums.rising[0] = _mm256_add_epi64(sums.rising[0], _mm256_mul_epu32(even, weight));
        sums.rising[1] = _mm256_add_epi64(sums.rising[1], _mm256_mul_epu32(odd, weight));
        all_high = _mm256_add_epi32(all_high, high);
        rising_high = _mm256_add_epi32(rising_high, _mm256_mullo_epi32(high, weight));
    }
    sums.all[0] = _mm256_add_epi64(sums.all[0], _mm256_slli_epi64(all_high, 32));
    sums.all[1] = _mm256_add_epi64(sums.all[1], _mm256_andnot_si256(low_words, all_high));
    sums.rising[0] = _mm256_add_epi64(sums.rising[0], _mm256_slli_epi64(rising_high, 32));
    sums.rising[1] = _mm256_add_epi64(sums.rising[1], _mm256_andnot_si256(low_words, rising_high));
    return sums;
}

/* kws_frontend_log_mel() of every frame: logs[lane * stride + band]. */
KWS_LANE_INLINE void log_mels(const kws_frontend_tables *tables, const lanes *power, int16_t *logs, size_t stride) {
    const uint16_t *rise = tables->rise;
    const __m256i floor = _mm256_set1_epi64x((long long)(((uint64_t)tables->floor_high << 32) | tables->floor_low));
    __m256i risen[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    power += 2 * tables->bins[0];
    for (uint32_t band = 0; band <= KWS_MELS(tables); ++band) {
        const uint32_t bins = (uint32_t)(tables->bins[band + 1] - tables->bins[band]);
        const band_sums sums = sums_of(power, rise, rise + bins);
        rise += bins;
        power += 2 * bins;
        for (uint32_t odd = 0; odd < 2; ++odd) {
            const __m256i falling = _mm256_sub_epi64(_mm256_slli_epi64(sums.all[odd], 15), sums.rising[odd]);
            uint64_t value[KWS_FRAME_LANES / 2];
            _mm256_storeu_si256((__m256i *)(void *)value,
                                _mm256_add_epi64(falling, _mm256_add_epi64(risen[odd], floor)));
            for (uint32_t k = 0; band > 0 && k < KWS_FRAME_LANES / 2; ++k) {
                logs[(2 * k + odd) * stride + band - 1] = log2_of(tables, value[k]);
            }
            risen[odd] = sums.rising[odd];
        }
    }
}

/* What kws_frontend_frame() does with the logs. */
static void finish(const kws_frontend_tables *tables, const int16_t *logs, int8_t *features) {
    if (KWS_COEFFICIENTS(tables)) {
        kws_frontend_dct(tables, logs, features);
        return;
    }
    for (uint32_t band = 0; band < KWS_MELS(tables); ++band) {
        features[band] = kws_saturate_int8((logs[band] + (1 << (KWS_LOG_MEL_SHIFT - 1))) >> KWS_LOG_MEL_SHIFT);
    }
}

KWS_AVX2 void kws_frontend_lanes(const kws_frontend_tables *tables, const int16_t *samples, int32_t *scratch,
                                 int8_t *features) {
    const uint32_t pairs = KWS_FFT_PAIRS(tables);
    int16_t *logs = (int16_t *)(void *)(scratch + 2u * pairs * KWS_FRAME_LANES + 16u);
    lanes *z = (lanes *)(void *)(((uintptr_t)scratch + 31u) & ~(uintptr_t)31u);
    const size_t size = kws_frontend_frame_size(tables), stride = (KWS_MELS(tables) + 1u) / 2u * 2u;
    first_stage(tables, samples, z);
    for (uint32_t part = 4; 4 * part <= pairs; part *= 4) {
        radix4_stage(tables, z, part);
    }
    if (pairs & 0xAAAAAAAAu) {
        radix2_stage(tables, z);
    }
    powers(tables, z);
    log_mels(tables, z, logs, stride);
    for (uint32_t lane = 0; lane < KWS_FRAME_LANES; ++lane, features += size) {
        finish(tables, logs + lane * stride, features);
    }
}

#else

void kws_frontend_lanes(const kws_frontend_tables *tables, const int16_t *samples, int32_t *scratch, int8_t *features) {
    (void)tables, (void)samples, (void)scratch, (void)features;
}

#endif
