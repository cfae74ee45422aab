/* The fixed-point arithmetic of softmax: exponentials of differences, and one over their sum. */
#ifndef KWS_SOFTMAX_H
#define KWS_SOFTMAX_H

#include "kws_bitmap.h"
#include "kws_requantize.h"

/* Called from several places, a few times for each logit; a copy at each would cost flash and save hardly a cycle. All
 * around it is small before it is fast. */
#if defined(__GNUC__)
#define KWS_ONCE static __attribute__((noinline))
#define KWS_SMALL __attribute__((cold))
#else
#define KWS_ONCE static
#define KWS_SMALL
#endif

/* Fixed-point numbers are named by their integer bits: q5 has 5 integer and 26 fractional bits. */

KWS_ONCE int32_t kws_softmax_multiply(int32_t a, int32_t b) {
    return kws_high_multiply(a, b);
}

/* round(x / 2^exponent) of x >= 0, ties upwards; 1 <= exponent <= 31. */
static inline int32_t kws_softmax_round(int32_t x, int exponent) {
    return (int32_t)(((uint32_t)x + ((uint32_t)1 << (exponent - 1))) >> exponent);
}

/* exp(x) of a q5 number x <= 0 as q0: a polynomial on [-1/4, 0), times exp(-2^i) for the other bits of -x. */
static inline int32_t kws_exp_q5(int32_t x) {
    static const int32_t factors[7] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
    if (x == 0) {
        return INT32_MAX;
    }
    const int32_t quarter = 1 << 24;
    const int32_t part = (x & (quarter - 1)) - quarter; /* x modulo 1/4, in [-1/4, 0) */
    const int32_t y = (int32_t)((uint32_t)part << 5) + (1 << 28);
    const int32_t y2 = kws_softmax_multiply(y, y);
    const int32_t y3 = kws_softmax_multiply(y2, y);
    const int32_t y4 = kws_softmax_round(kws_softmax_multiply(y2, y2), 2);
    const int32_t tail =
        kws_softmax_round(kws_softmax_multiply(y4 + y3, 715827883) + y2, 1); /* |y| <= 1/8, so y2 is more */
    int32_t result = 1895147668 + kws_softmax_multiply(1895147668, y + tail);
    const int32_t rest = part - x;
    for (int i = 0; i < 7; i++) {
        if (rest & ((int32_t)1 << (24 + i))) {
            result = kws_softmax_multiply(result, factors[i]);
        }
    }
    return result;
}

/* 1 / (2 x) of a q0 number x = `half` in [1/2, 1): three Newton steps in q2. */
static inline int32_t kws_reciprocal_q0(int32_t half) {
    int32_t r = 1515870810 + kws_softmax_multiply(half, -1010580540);
    for (int i = 0; i < 3; i++) {
        const int32_t error = (1 << 29) - kws_softmax_multiply(half, r);
        r += kws_softmax_multiply(r, error) * 4; /* |error| < 1/16: no overflow */
    }
    return r >= 1 << 30 ? INT32_MAX : r * 2;
}

KWS_ONCE int32_t kws_exp_of(const kws_softmax *layer, int32_t difference) {
    return kws_exp_q5(kws_softmax_multiply((int32_t)((uint32_t)difference << layer->shift), layer->multiplier));
}

/* One over the sum of all exponentials of a row of logits, in q0, and how far products with it are to be shifted for an
 * output of `bits` bits. */
typedef struct {
    int32_t largest, scale;
    int exponent;
} kws_softmax_row;

static inline kws_softmax_row kws_softmax_row_of(const kws_softmax *layer, const int8_t *input, int bits) {
    int32_t sum = 0; /* q12 */
    kws_softmax_row row = {-128, 0, 0};
    for (uint32_t c = 0; c < layer->depth; c++) {
        const int32_t x = input[c * layer->stride];
        row.largest = x > row.largest ? x : row.largest;
    }
    for (uint32_t c = 0; c < layer->depth; c++) {
        const int32_t difference = input[c * layer->stride] - row.largest;
        if (difference >= layer->smallest) {
            sum += kws_softmax_round(kws_exp_of(layer, difference), 12);
        }
    }
    const uint32_t headroom = kws_leading_zeros((uint32_t)sum);
    row.scale = kws_reciprocal_q0((int32_t)((uint32_t)sum << headroom >> 1));
    row.exponent = 12 - (int)headroom + 31 - bits;
    return row;
}

/* 0 for differences that give nothing, else 2^bits times the probability, rounded. */
static inline int32_t kws_softmax_share(const kws_softmax *layer, const kws_softmax_row *row, int32_t x) {
    const int32_t difference = x - row->largest;
    if (difference < layer->smallest) {
        return 0;
    }
    return kws_softmax_round(kws_softmax_multiply(row->scale, kws_exp_of(layer, difference)), row->exponent);
}

#endif /* KWS_SOFTMAX_H */
