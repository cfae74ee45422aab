/* The stages of a frame and the arithmetic they share; not for users of the front end.
 *
 * A complex value of the FFT is one word: real part in the lower, imaginary part in the upper 16 bits. */
#ifndef KWS_FRONTEND_INTERNAL_H
#define KWS_FRONTEND_INTERNAL_H

#include <string.h>

#include "kws_frontend.h"
#include "kws_frontend_config.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { KWS_WINDOW_BITS = 12, KWS_SMOOTHING_BITS = 10, KWS_RATIO_BITS = 14 };
/* 0.025, 0.06 and 0.05 of 2^14 */
enum { KWS_EVEN_SMOOTHING = 409, KWS_ODD_SMOOTHING = 983, KWS_MIN_SIGNAL = 819 };
enum { KWS_SNR_BITS = 12, KWS_SNR_OUTPUT_BITS = 6 };
enum { KWS_LOG_SEGMENT_BITS = 7, KWS_LOG_SCALE_SHIFT = 6, KWS_LOG_COEFFICIENT = 45426 };

/* Sizes: constants where kws_frontend_config.h fixes them, which kws_frontend_init() checks. */
#ifdef KWS_FRONTEND_FFT_PAIRS
#define KWS_FFT_PAIRS(tables) ((void)(tables), (uint32_t)KWS_FRONTEND_FFT_PAIRS)
#define KWS_WINDOW(tables) ((void)(tables), (uint32_t)KWS_FRONTEND_WINDOW_SAMPLES)
#define KWS_MELS(tables) ((void)(tables), (uint32_t)KWS_FRONTEND_MELS)
#else
#define KWS_FFT_PAIRS(tables) ((uint32_t)(tables)->fft_pairs)
#define KWS_WINDOW(tables) ((uint32_t)(tables)->window_samples)
#define KWS_MELS(tables) ((uint32_t)(tables)->mels)
#endif

#if defined(__GNUC__)
#define KWS_INLINE static inline __attribute__((always_inline))
#else
#define KWS_INLINE static inline
#endif

/* Features of the window of samples in the stream's history. */
KWS_INLINE void kws_frontend_window(kws_frontend *frontend, int8_t *features) {
    (void)kws_frontend_frame(frontend->tables, frontend->history, frontend->scratch, frontend->estimate, features);
}

/* Largest left shift that keeps every windowed sample in 16 bits, as TFLM determines it. */
uint32_t kws_frontend_headroom(const kws_frontend_tables *tables, const int16_t *samples);

/* Window the samples, shift them left and transform them: scratch[k] = bin k of the complex FFT, in 16 bits. */
void kws_frontend_fft(const kws_frontend_tables *tables, const int16_t *samples, uint32_t shift, uint32_t *scratch);

/* In place: scratch[k] = squared magnitude of bin k of the real signal, k > 0. */
void kws_frontend_energy(const kws_frontend_tables *tables, uint32_t *scratch);

/* Filterbank, and all that follows channel by channel. */
void kws_frontend_channels(const kws_frontend_tables *tables, const uint32_t *energy, uint32_t shift,
                           uint32_t *estimate, int8_t *features);

/* Square root rounded to nearest; below 2^32 never above 65535. */
uint32_t kws_frontend_root(uint64_t value);

/* The signal without its noise; updates the estimate. */
uint32_t kws_frontend_reduce_noise(uint32_t signal, uint32_t smoothing, uint32_t *estimate);

/* Per-channel gain control. */
uint32_t kws_frontend_gain(const kws_frontend_tables *tables, uint32_t signal, uint32_t estimate);

/* 64 ln(value), at most 65535; 0 for 0 and 1. */
uint32_t kws_frontend_log(const kws_frontend_tables *tables, uint32_t value);

/* Bits of a number that is not 0. */
KWS_INLINE uint32_t kws_bits(uint32_t value) {
#if defined(__GNUC__)
    return 32u - (uint32_t)__builtin_clz(value);
#else
    uint32_t bits = 0;
    for (; value; value >>= 1) {
        ++bits;
    }
    return bits;
#endif
}

KWS_INLINE int32_t kws_real(uint32_t z) {
    return (int16_t)(uint16_t)z;
}
KWS_INLINE int32_t kws_imag(uint32_t z) {
    return (int32_t)z >> 16;
}
KWS_INLINE uint32_t kws_complex(int32_t real, int32_t imag) {
    return (uint32_t)(uint16_t)real | ((uint32_t)imag << 16);
}
KWS_INLINE int32_t kws_round(int32_t product) {
    return (product + (1 << 14)) >> 15;
}

#if defined(__ARM_FEATURE_DSP) && __ARM_FEATURE_DSP
#define KWS_BINARY(name, instruction)                                       \
    KWS_INLINE uint32_t name(uint32_t a, uint32_t b) {                      \
        uint32_t result;                                                    \
        __asm__(instruction " %0, %1, %2" : "=r"(result) : "r"(a), "r"(b)); \
        return result;                                                      \
    }
#define KWS_ACCUMULATE(name, instruction)                                                 \
    KWS_INLINE uint32_t name(uint32_t a, uint32_t b, int32_t sum) {                       \
        uint32_t result;                                                                  \
        __asm__(instruction " %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum)); \
        return result;                                                                    \
    }
KWS_BINARY(kws_add, "sadd16")         /* a + b */
KWS_BINARY(kws_sub, "ssub16")         /* a - b */
KWS_BINARY(kws_add_turned, "sasx")    /* a + i b */
KWS_BINARY(kws_sub_turned, "ssax")    /* a - i b */
KWS_ACCUMULATE(kws_mac_low, "smlabb") /* lower half times lower half */
KWS_ACCUMULATE(kws_mac_high, "smlatb")
KWS_ACCUMULATE(kws_mac_real, "smlsd")  /* low low - high high */
KWS_ACCUMULATE(kws_mac_imag, "smladx") /* low high + high low */

/* Lower half of a >> 15, upper half of b >> 15. */
KWS_INLINE uint32_t kws_pack_products(uint32_t a, uint32_t b) {
    uint32_t result;
    const int32_t low = (int32_t)a >> 15;
    __asm__("pkhbt %0, %1, %2, lsl #1" : "=r"(result) : "r"(low), "r"(b));
    return result;
}
/* z / divisor, with factor = 32767 / divisor. */
KWS_INLINE uint32_t kws_divide(uint32_t z, uint32_t factor) {
    return kws_pack_products(kws_mac_low(z, factor, 1 << 14), kws_mac_high(z, factor, 1 << 14));
}
KWS_INLINE uint32_t kws_turn(uint32_t z, uint32_t w) {
    return kws_pack_products(kws_mac_real(z, w, 1 << 14), kws_mac_imag(z, w, 1 << 14));
}
#else
KWS_INLINE uint32_t kws_add(uint32_t a, uint32_t b) {
    return kws_complex(kws_real(a) + kws_real(b), kws_imag(a) + kws_imag(b));
}
KWS_INLINE uint32_t kws_sub(uint32_t a, uint32_t b) {
    return kws_complex(kws_real(a) - kws_real(b), kws_imag(a) - kws_imag(b));
}
KWS_INLINE uint32_t kws_add_turned(uint32_t a, uint32_t b) {
    return kws_complex(kws_real(a) - kws_imag(b), kws_imag(a) + kws_real(b));
}
KWS_INLINE uint32_t kws_sub_turned(uint32_t a, uint32_t b) {
    return kws_complex(kws_real(a) + kws_imag(b), kws_imag(a) - kws_real(b));
}
KWS_INLINE uint32_t kws_divide(uint32_t z, uint32_t factor) {
    return kws_complex(kws_round(kws_real(z) * (int32_t)factor), kws_round(kws_imag(z) * (int32_t)factor));
}
KWS_INLINE uint32_t kws_turn(uint32_t z, uint32_t w) {
    return kws_complex(kws_round(kws_real(z) * kws_real(w) - kws_imag(z) * kws_imag(w)),
                       kws_round(kws_real(z) * kws_imag(w) + kws_imag(z) * kws_real(w)));
}
#endif

#if defined(__ARM_ARCH_ISA_THUMB) && __ARM_ARCH_ISA_THUMB == 1
#define KWS_SHORT_MULTIPLY 1 /* no multiplication wider than 32 bits */
#else
#define KWS_SHORT_MULTIPLY 0
#endif

/* A word times a factor of at most 16 bits. */
KWS_INLINE uint64_t kws_mul_short(uint32_t value, uint32_t factor) {
#if KWS_SHORT_MULTIPLY
    return ((uint64_t)((value >> 16) * factor) << 16) + (value & 0xFFFFu) * factor;
#else
    return (uint64_t)value * factor;
#endif
}

#ifdef __cplusplus
}
#endif

#endif /* KWS_FRONTEND_INTERNAL_H */
