/* Fixed-point rescaling, equal bit for bit to TensorFlow Lite's MultiplyByQuantizedMultiplier with double rounding. */
#ifndef KWS_REQUANTIZE_H
#define KWS_REQUANTIZE_H

#include "kws_engine.h"

/* round(a * b / 2^31), ties upwards. b is never negative, so the one case that saturates elsewhere cannot occur. */
#if defined(__ARM_ARCH) && !defined(__thumb2__) && !defined(__aarch64__)
/* Without a long multiply: halves of 16 bits. The product's bits below 16 cannot reach the rounded place. */
static inline int32_t kws_high_multiply(int32_t a, int32_t b) {
    const int32_t a_high = a >> 16, b_high = b >> 16;
    const uint32_t a_low = (uint32_t)a & 0xffffu, b_low = (uint32_t)b & 0xffffu;
    const int32_t first = (int32_t)((uint32_t)a_high * b_low + (a_low * b_low >> 16));
    const int32_t second = (int32_t)(a_low * (uint32_t)b_high + ((uint32_t)first & 0xffffu));
    const int32_t high = a_high * b_high + (first >> 16) + (second >> 16);
    return (int32_t)(((uint32_t)high << 1) + ((((uint32_t)second & 0xffffu) + 0x4000u) >> 15));
}
#else
static inline int32_t kws_high_multiply(int32_t a, int32_t b) {
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}
#endif

/* round(x / 2^exponent), ties away from zero; 0 <= exponent <= 31. */
static inline int32_t kws_divide_by_power(int32_t x, int exponent) {
    const int32_t mask = (int32_t)(((uint32_t)1 << exponent) - 1u);
    const int32_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
    return (x >> exponent) + ((x & mask) > threshold ? 1 : 0);
}

/* x * multiplier * 2^(shift - 31); the shift to the left wraps, as it does in the reference. */
static inline int32_t kws_rescale(int32_t x, int32_t multiplier, int shift) {
    const int left = shift > 0 ? shift : 0;
    const int right = shift > 0 ? 0 : -shift;
    const int32_t shifted = (int32_t)((uint32_t)x << left);
    return kws_divide_by_power(kws_high_multiply(shifted, multiplier), right);
}

/* kws_rescale for |x| < 2^30 and shifts that are not positive, with what depends on the shift prepared. */
typedef struct {
    int32_t multiplier;
    int32_t half; /* 2^(right - 1), or 0 */
    int32_t sign; /* -1 where the second rounding takes place, else 0 */
    int32_t right;
} kws_short_scale;

static inline kws_short_scale kws_short_scale_of(int32_t multiplier, int shift) {
    kws_short_scale scale;
    scale.multiplier = multiplier;
    scale.right = -shift;
    scale.half = shift < 0 ? (int32_t)((uint32_t)1 << (-shift - 1)) : 0;
    scale.sign = shift < 0 ? -1 : 0;
    return scale;
}

static inline int32_t kws_rescale_short(int32_t x, const kws_short_scale *scale) {
#if KWS_DSP
    int32_t y;
    const int32_t doubled = (int32_t)((uint32_t)x << 1);
    __asm__("smmulr %0, %1, %2" : "=r"(y) : "r"(doubled), "r"(scale->multiplier));
#else
    const int32_t y = kws_high_multiply(x, scale->multiplier);
#endif
    return (y + ((y >> 31) & scale->sign) + scale->half) >> scale->right;
}

static inline int32_t kws_clip(int32_t x, int32_t minimum, int32_t maximum) {
    return x < minimum ? minimum : (x > maximum ? maximum : x);
}

/* The constants of one output channel. */
typedef struct {
    int32_t doubled; /* 2 * bias, for the saturating path */
    int32_t multiplier;
    int32_t round; /* rounding constant and zero point of the saturating path */
    int32_t shift; /* saturating: how far to the right; else as stored */
    int32_t bias;
} kws_scale;

static inline kws_scale kws_scale_of(const kws_requant *q, uint32_t channel) {
    kws_scale scale;
    scale.bias = q->bias[channel];
    scale.multiplier = q->multiplier[channel];
    scale.shift = q->shift[channel];
    scale.round = 0;
    scale.doubled = 0;
    if (q->saturating) {
        scale.shift = -scale.shift;
        scale.doubled = 2 * scale.bias;
        scale.round = (2 * q->zero_point + 1) * (int32_t)((uint32_t)1 << (scale.shift - 1));
    }
    return scale;
}

/* The saturating path: double the sum and keep the upper half of the product rounded, which is kws_high_multiply; then
 * round(y / 2^s) + zero = (y + (y < 0 ? -1 : 0) + 2^(s-1) + zero * 2^s) >> s. */
static inline int32_t kws_requantize_saturating(int32_t sum, const kws_scale *scale) {
#if KWS_DSP
    int32_t y, out;
    const int32_t doubled = scale->doubled + (int32_t)((uint32_t)sum << 1);
    __asm__("smmulr %0, %1, %2" : "=r"(y) : "r"(doubled), "r"(scale->multiplier));
    y += y >> 31;
    y = (y + scale->round) >> scale->shift;
    __asm__("ssat %0, #8, %1" : "=r"(out) : "r"(y));
    return out;
#else
    int32_t y = kws_high_multiply(sum + scale->bias, scale->multiplier);
    y += y >> 31;
    return kws_clip((y + scale->round) >> scale->shift, -128, 127);
#endif
}

/* Any multiplier, shift and limits; out of line, since layers that training gives hardly need it. */
int32_t kws_requantize_any(int32_t sum, const kws_scale *scale, const kws_requant *q);

static inline int8_t kws_requantize(int32_t sum, const kws_scale *scale, const kws_requant *q) {
    return (int8_t)(q->saturating ? kws_requantize_saturating(sum, scale) : kws_requantize_any(sum, scale, q));
}

#endif /* KWS_REQUANTIZE_H */
