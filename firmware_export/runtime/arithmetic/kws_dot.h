/* The product of two int8 vectors. */
#ifndef KWS_DOT_H
#define KWS_DOT_H

#include <string.h>

#include "kws_mve_dot.h"
#include "kws_requantize.h"

#if KWS_DSP
/* Four products in six instructions: each vector's bytes 0, 2 and 1, 3 widened to pairs of int16. */
static inline int32_t kws_dot4(uint32_t a, uint32_t b, int32_t sum) {
    uint32_t a02, a13, b02, b13;
    __asm__("sxtb16 %0, %1" : "=r"(a02) : "r"(a));
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(a13) : "r"(a));
    __asm__("sxtb16 %0, %1" : "=r"(b02) : "r"(b));
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(b13) : "r"(b));
    __asm__("smlad %0, %1, %2, %3" : "=r"(sum) : "r"(a02), "r"(b02), "r"(sum));
    __asm__("smlad %0, %1, %2, %3" : "=r"(sum) : "r"(a13), "r"(b13), "r"(sum));
    return sum;
}
#endif

static inline int32_t kws_dot(const int8_t *a, const int8_t *b, uint32_t length) {
#if KWS_MVE
    return kws_mve_dot(a, b, length);
#else
    int32_t sum = 0;
#if KWS_DSP
    for (; length >= 8; length -= 8) { /* loads that follow another take one cycle */
        uint32_t wa, wb, next_a, next_b;
        memcpy(&wa, a, 4);
        memcpy(&wb, b, 4);
        memcpy(&next_a, a + 4, 4);
        memcpy(&next_b, b + 4, 4);
        sum = kws_dot4(wa, wb, sum);
        sum = kws_dot4(next_a, next_b, sum);
        a += 8;
        b += 8;
    }
    for (; length >= 4; length -= 4) {
        uint32_t wa, wb;
        memcpy(&wa, a, 4);
        memcpy(&wb, b, 4);
        sum = kws_dot4(wa, wb, sum);
        a += 4;
        b += 4;
    }
#endif
    for (; length > 0; length--) {
        sum += *a++ * *b++;
    }
    return sum;
#endif
}

#if KWS_DSP
/* Two products with one vector, whose words are widened once. */
static inline void kws_dot_two(const int8_t *a, const int8_t *b, const int8_t *vector, uint32_t length,
                               int32_t sums[2]) {
    int32_t first = 0, second = 0;
    for (; length >= 4; length -= 4) {
        uint32_t wa, wb, x, even, odd, part;
        memcpy(&x, vector, 4);
        memcpy(&wa, a, 4);
        memcpy(&wb, b, 4);
        a += 4;
        b += 4;
        vector += 4;
        __asm__("sxtb16 %[even], %[x]\n\t"
                "sxtb16 %[odd], %[x], ror #8\n\t"
                "sxtb16 %[part], %[wa]\n\t"
                "sxtb16 %[wa], %[wa], ror #8\n\t"
                "smlad %[first], %[part], %[even], %[first]\n\t"
                "smlad %[first], %[wa], %[odd], %[first]\n\t"
                "sxtb16 %[part], %[wb]\n\t"
                "sxtb16 %[wb], %[wb], ror #8\n\t"
                "smlad %[second], %[part], %[even], %[second]\n\t"
                "smlad %[second], %[wb], %[odd], %[second]"
                : [first] "+r"(first), [second] "+r"(second), [wa] "+r"(wa), [wb] "+r"(wb), [even] "=&r"(even),
                  [odd] "=&r"(odd), [part] "=&r"(part)
                : [x] "r"(x));
    }
    for (; length > 0; length--) {
        first += *a++ * *vector;
        second += *b++ * *vector++;
    }
    sums[0] = first;
    sums[1] = second;
}
#endif

#endif /* KWS_DOT_H */
