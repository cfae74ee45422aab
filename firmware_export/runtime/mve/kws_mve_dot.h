/* Products and sums of int8 vectors by vector instructions: sixteen numbers at once, the last ones predicated. */
#ifndef KWS_MVE_DOT_H
#define KWS_MVE_DOT_H

#include "kws_mve.h"

#if KWS_MVE
/* a * b, of at least one number. */
static inline int32_t kws_mve_dot(const int8_t *a, const int8_t *b, uint32_t length) {
    int32_t sum = 0;
    __asm__ volatile("dlstp.8 lr, %[length]\n"
                     "1:\n\t"
                     "vldrb.8 q0, [%[a]], #16\n\t"
                     "vldrb.8 q1, [%[b]], #16\n\t"
                     "vmladava.s8 %[sum], q0, q1\n\t"
                     "letp lr, 1b"
                     : [sum] "+Te"(sum), [a] "+r"(a), [b] "+r"(b)
                     : [length] "r"(length)
                     : "lr", "d0", "d1", "d2", "d3", "memory");
    return sum;
}

/* sums[r] = rows[r * length ..] * vector for four rows of at least one number. */
static inline void kws_mve_dot_rows(const int8_t *rows, const int8_t *vector, uint32_t length, int32_t sums[4]) {
    const int8_t *second = rows + length, *third = second + length, *fourth = third + length;
    int32_t a = 0, b = 0, c = 0, d = 0;
    __asm__ volatile("dlstp.8 lr, %[length]\n"
                     "1:\n\t"
                     "vldrb.8 q0, [%[vector]], #16\n\t"
                     "vldrb.8 q1, [%[rows]], #16\n\t"
                     "vmladava.s8 %[a], q0, q1\n\t"
                     "vldrb.8 q2, [%[second]], #16\n\t"
                     "vmladava.s8 %[b], q0, q2\n\t"
                     "vldrb.8 q1, [%[third]], #16\n\t"
                     "vmladava.s8 %[c], q0, q1\n\t"
                     "vldrb.8 q2, [%[fourth]], #16\n\t"
                     "vmladava.s8 %[d], q0, q2\n\t"
                     "letp lr, 1b"
                     : [a] "+Te"(a), [b] "+Te"(b), [c] "+Te"(c), [d] "+Te"(d), [rows] "+r"(rows), [second] "+r"(second),
                       [third] "+r"(third), [fourth] "+r"(fourth), [vector] "+r"(vector)
                     : [length] "r"(length)
                     : "lr", "d0", "d1", "d2", "d3", "d4", "d5", "memory");
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
    sums[3] = d;
}

/* The sum of at least one number, one behind the other. */
static inline int32_t kws_mve_sum(const int8_t *x, uint32_t length) {
    int32_t sum = 0;
    __asm__ volatile("dlstp.8 lr, %[length]\n"
                     "1:\n\t"
                     "vldrb.8 q0, [%[x]], #16\n\t"
                     "vaddva.s8 %[sum], q0\n\t"
                     "letp lr, 1b"
                     : [sum] "+Te"(sum), [x] "+r"(x)
                     : [length] "r"(length)
                     : "lr", "d0", "d1", "memory");
    return sum;
}
#endif

#endif /* KWS_MVE_DOT_H */
