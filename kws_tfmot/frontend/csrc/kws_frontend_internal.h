/* The stages of a frame and the arithmetic they share; not for users of the front end. */
#ifndef KWS_FRONTEND_INTERNAL_H
#define KWS_FRONTEND_INTERNAL_H

#include <string.h>

#include "kws_frontend.h"
#include "kws_frontend_config.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { KWS_WINDOW_SHIFT = 8, KWS_SPECTRUM_SHIFT = 6, KWS_LOG_BITS = 10, KWS_LOG_MEL_SHIFT = 7, KWS_LOG_TABLE_BITS = 5 };

/* Sizes: constants where kws_frontend_config.h fixes them, which kws_frontend_init() checks. */
#ifdef KWS_FRONTEND_FFT_PAIRS
#define KWS_FFT_PAIRS(tables) ((void)(tables), (uint32_t)KWS_FRONTEND_FFT_PAIRS)
#define KWS_WINDOW(tables) ((void)(tables), (uint32_t)KWS_FRONTEND_WINDOW_SAMPLES)
#define KWS_MELS(tables) ((void)(tables), (uint32_t)KWS_FRONTEND_MELS)
#define KWS_COEFFICIENTS(tables) ((void)(tables), (uint32_t)KWS_FRONTEND_COEFFICIENTS)
#else
#define KWS_FFT_PAIRS(tables) ((uint32_t)(tables)->fft_pairs)
#define KWS_WINDOW(tables) ((uint32_t)(tables)->window_samples)
#define KWS_MELS(tables) ((uint32_t)(tables)->mels)
#define KWS_COEFFICIENTS(tables) ((uint32_t)(tables)->coefficients)
#endif

#if defined(__GNUC__)
#define KWS_INLINE static inline __attribute__((always_inline))
#else
#define KWS_INLINE static inline
#endif

/* Features of the window of samples in the stream's history. */
KWS_INLINE void kws_frontend_window(kws_frontend *frontend, int8_t *features) {
    (void)kws_frontend_frame(frontend->tables, frontend->history, frontend->scratch, features);
}

/* Window the samples and transform them: scratch[2 k], scratch[2 k + 1] = real, imaginary part of bin k. */
void kws_frontend_fft(const kws_frontend_tables *tables, const int16_t *samples, int32_t *scratch);

/* In place: scratch[2 k], scratch[2 k + 1] = low, high word of the power of bin k of the real signal, k > 0. */
void kws_frontend_power(const kws_frontend_tables *tables, int32_t *scratch);

/* log2 of the mel energies, Q10. */
void kws_frontend_log_mel(const kws_frontend_tables *tables, const int32_t *scratch, int16_t *logs);

/* log2 (Q10, less the offset) of a positive 64-bit integer. */
int16_t kws_frontend_log2(const kws_frontend_tables *tables, uint64_t value);

/* DCT of the logs, rounded and saturated. */
void kws_frontend_dct(const kws_frontend_tables *tables, const int16_t *logs, int8_t *features);

#if defined(__ARM_FEATURE_DSP) && __ARM_FEATURE_DSP
#define KWS_HAS_DSP 1
#else
#define KWS_HAS_DSP 0
#endif

#if defined(__ARM_ARCH_ISA_THUMB) && __ARM_ARCH_ISA_THUMB == 1
#define KWS_SHORT_MULTIPLY 1 /* no multiplication wider than 32 bits, no count of leading zeros */
#else
#define KWS_SHORT_MULTIPLY 0
#endif

/* kws_mul_low(): floor(value * lower half of pair / 2^16); kws_mul_high(): the same with the upper half; halves
 * are signed. kws_mac_high() adds to it. */
#if KWS_HAS_DSP
KWS_INLINE int32_t kws_mul_low(int32_t value, uint32_t pair) {
    int32_t result;
    __asm__("smulwb %0, %1, %2" : "=r"(result) : "r"(value), "r"(pair));
    return result;
}
KWS_INLINE int32_t kws_mul_high(int32_t value, uint32_t pair) {
    int32_t result;
    __asm__("smulwt %0, %1, %2" : "=r"(result) : "r"(value), "r"(pair));
    return result;
}
KWS_INLINE int32_t kws_mac_high(int32_t value, uint32_t pair, int32_t sum) {
    int32_t result;
    __asm__("smlawt %0, %1, %2, %3" : "=r"(result) : "r"(value), "r"(pair), "r"(sum));
    return result;
}
#else
#if KWS_SHORT_MULTIPLY
/* Two short products, exact, since floor(a + b / 2^16) = a + floor(b / 2^16). */
KWS_INLINE int32_t kws_mul_short(int32_t value, int32_t factor) {
    return (value >> 16) * factor + (((int32_t)(value & 0xFFFF) * factor) >> 16);
}
KWS_INLINE int32_t kws_mul_low(int32_t value, uint32_t pair) {
    return kws_mul_short(value, (int32_t)(pair << 16) >> 16);
}
KWS_INLINE int32_t kws_mul_high(int32_t value, uint32_t pair) {
    return kws_mul_short(value, (int32_t)pair >> 16);
}
#else
KWS_INLINE int32_t kws_mul_low(int32_t value, uint32_t pair) {
    return (int32_t)(((int64_t)value * (int32_t)(pair << 16)) >> 32);
}
KWS_INLINE int32_t kws_mul_high(int32_t value, uint32_t pair) {
    return (int32_t)(((int64_t)value * (int32_t)(pair & 0xFFFF0000u)) >> 32);
}
#endif
KWS_INLINE int32_t kws_mac_high(int32_t value, uint32_t pair, int32_t sum) {
    return sum + kws_mul_high(value, pair);
}
#endif

#if KWS_HAS_DSP
/* Two neighbouring values as one word, the first in the lower half; any alignment. */
KWS_INLINE uint32_t kws_load_two(const int16_t *values) {
    uint32_t pair;
    memcpy(&pair, values, sizeof pair);
    return pair;
}
KWS_INLINE int32_t kws_mul_low_low(uint32_t a, uint32_t b) {
    int32_t result;
    __asm__("smulbb %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
    return result;
}
KWS_INLINE int32_t kws_mul_high_high(uint32_t a, uint32_t b) {
    int32_t result;
    __asm__("smultt %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
    return result;
}
KWS_INLINE int32_t kws_mac_two(uint32_t a, uint32_t b, int32_t sum) {
    int32_t result;
    __asm__("smlad %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
    return result;
}
#endif

/* A word times a weight of at most 2^15. */
KWS_INLINE uint64_t kws_mul_weight(uint32_t value, uint32_t weight) {
#if KWS_SHORT_MULTIPLY
    return ((uint64_t)((value >> 16) * weight) << 16) + (value & 0xFFFFu) * weight;
#else
    return (uint64_t)value * weight;
#endif
}

/* The square of a value of at most 26 bits. */
KWS_INLINE uint64_t kws_square(int32_t value) {
#if KWS_SHORT_MULTIPLY
    const uint32_t size = (uint32_t)(value < 0 ? -value : value);
    const uint32_t high = size >> 12, low = size & 0xFFFu;
    return ((uint64_t)(high * high) << 24) + ((uint64_t)(high * low) << 13) + low * low;
#else
    return (uint64_t)((int64_t)value * value);
#endif
}

KWS_INLINE int8_t kws_saturate_int8(int32_t value) {
    return (int8_t)(value < -128 ? -128 : value > 127 ? 127 : value);
}

#ifdef __cplusplus
}
#endif

#endif /* KWS_FRONTEND_INTERNAL_H */
