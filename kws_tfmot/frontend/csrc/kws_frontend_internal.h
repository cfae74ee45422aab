/* The stages of a frame and the arithmetic they share; not for users of the front end. */
#ifndef KWS_FRONTEND_INTERNAL_H
#define KWS_FRONTEND_INTERNAL_H

#include "kws_frontend.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    KWS_WINDOW_SHIFT = 8,
    KWS_SPECTRUM_SHIFT = 6,
    KWS_LOG_BITS = 10,
    KWS_LOG_MEL_SHIFT = 7,
    KWS_LOG_TABLE_BITS = 5
};

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

/* floor(value * lower half of pair / 2^16) and the same with the upper half, both halves signed. */
#if defined(__ARM_FEATURE_DSP) && __ARM_FEATURE_DSP
static inline int32_t kws_mul_low(int32_t value, uint32_t pair) {
    int32_t result;
    __asm__("smulwb %0, %1, %2" : "=r"(result) : "r"(value), "r"(pair));
    return result;
}
static inline int32_t kws_mul_high(int32_t value, uint32_t pair) {
    int32_t result;
    __asm__("smulwt %0, %1, %2" : "=r"(result) : "r"(value), "r"(pair));
    return result;
}
#elif defined(__ARM_ARCH_ISA_THUMB) && __ARM_ARCH_ISA_THUMB == 1
/* No long multiply: two short ones, exact, since floor(a + b / 2^16) = a + floor(b / 2^16). */
static inline int32_t kws_mul_short(int32_t value, int32_t factor) {
    return (value >> 16) * factor + (((int32_t)(value & 0xFFFF) * factor) >> 16);
}
static inline int32_t kws_mul_low(int32_t value, uint32_t pair) {
    return kws_mul_short(value, (int32_t)(pair << 16) >> 16);
}
static inline int32_t kws_mul_high(int32_t value, uint32_t pair) {
    return kws_mul_short(value, (int32_t)pair >> 16);
}
#else
static inline int32_t kws_mul_low(int32_t value, uint32_t pair) {
    return (int32_t)(((int64_t)value * (int32_t)(pair << 16)) >> 32);
}
static inline int32_t kws_mul_high(int32_t value, uint32_t pair) {
    return (int32_t)(((int64_t)value * (int32_t)(pair & 0xFFFF0000u)) >> 32);
}
#endif

static inline int8_t kws_saturate_int8(int32_t value) {
    return (int8_t)(value < -128 ? -128 : value > 127 ? 127 : value);
}

#ifdef __cplusplus
}
#endif

#endif /* KWS_FRONTEND_INTERNAL_H */
