/* The products of four rows of int8 weights and one int8 vector: the vector's words are read and widened once. */
#ifndef KWS_DOT_ROWS_H
#define KWS_DOT_ROWS_H

#include "kws_dot.h"

#if KWS_DSP && defined(__thumb2__) && !KWS_MVE
#define KWS_ASSEMBLY_ROWS 1
#else
#define KWS_ASSEMBLY_ROWS 0
#endif

#if KWS_ASSEMBLY_ROWS
/* Sixteen products: a word of the vector and one of each row. r3, r10 to r12 and lr are overwritten. */
#define KWS_SIXTEEN               \
    "ldr r10, [r1], #4\n\t"       \
    "ldr r11, [r0, r2]\n\t"       \
    "ldr r12, [r0], #4\n\t"       \
    "sxtb16 r3, r10\n\t"          \
    "sxtb16 r10, r10, ror #8\n\t" \
    "sxtb16 lr, r11\n\t"          \
    "sxtb16 r11, r11, ror #8\n\t" \
    "smlad r5, lr, r3, r5\n\t"    \
    "smlad r5, r11, r10, r5\n\t"  \
    "sxtb16 lr, r12\n\t"          \
    "sxtb16 r12, r12, ror #8\n\t" \
    "smlad r4, lr, r3, r4\n\t"    \
    "smlad r4, r12, r10, r4\n\t"  \
    "ldr r11, [r8, r2]\n\t"       \
    "ldr r12, [r8], #4\n\t"       \
    "sxtb16 lr, r11\n\t"          \
    "sxtb16 r11, r11, ror #8\n\t" \
    "smlad r7, lr, r3, r7\n\t"    \
    "smlad r7, r11, r10, r7\n\t"  \
    "sxtb16 lr, r12\n\t"          \
    "sxtb16 r12, r12, ror #8\n\t" \
    "smlad r6, lr, r3, r6\n\t"    \
    "smlad r6, r12, r10, r6\n\t"

/* sums[r] = rows[r * depth ..] * vector over the first depth / 4 * 4 inputs: 24 instructions for 16 products. */
__attribute__((naked, noinline)) static void kws_dot_rows_assembly(const int8_t *rows __attribute__((unused)),
                                                                   const int8_t *vector __attribute__((unused)),
                                                                   uint32_t depth __attribute__((unused)),
                                                                   int32_t *sums __attribute__((unused))) {
    __asm__(".syntax unified\n\t"
            "push {r3-r11, lr}\n\t"
            "movs r4, #0\n\t"
            "movs r5, #0\n\t"
            "movs r6, #0\n\t"
            "movs r7, #0\n\t"
            "add r8, r0, r2, lsl #1\n\t"
            "bic r9, r2, #3\n\t"
            "adds r9, r9, r1\n\t"
            "cmp r1, r9\n\t"
            "beq 2f\n"
            "tst r2, #4\n\t"
            "beq 1f\n\t" KWS_SIXTEEN /* an odd word first */
            "cmp r1, r9\n\t"
            "beq 2f\n"
            "1:\n\t" KWS_SIXTEEN KWS_SIXTEEN "cmp r1, r9\n\t"
            "bne 1b\n"
            "2:\n\t"
            "pop {r3}\n\t"
            "stm r3, {r4-r7}\n\t"
            "pop {r4-r11, pc}");
}
#endif

/* sums[r] = rows[r * depth ..] * vector for four rows. */
static inline void kws_dot_rows(const int8_t *rows, const int8_t *vector, uint32_t depth, int32_t sums[4]) {
#if KWS_MVE
    kws_mve_dot_rows(rows, vector, depth, sums);
#else
    uint32_t done = 0;
#if KWS_ASSEMBLY_ROWS
    kws_dot_rows_assembly(rows, vector, depth, sums);
    done = depth & ~3u;
#else
    sums[0] = sums[1] = sums[2] = sums[3] = 0;
#endif
    for (; done < depth; done++) {
        const int32_t v = vector[done];
        sums[0] += v * rows[done];
        sums[1] += v * rows[depth + done];
        sums[2] += v * rows[2 * depth + done];
        sums[3] += v * rows[3 * depth + done];
    }
#endif
}

/* A saturating output's constants (see kws_requant), read once for a layer. */
typedef struct {
    const int32_t *bias, *multiplier;
    const int8_t *shift;
    int32_t zero; /* twice the zero point, and one */
} kws_scales;

static inline kws_scales kws_scales_of(const kws_requant *q) {
    const kws_scales scales = {q->bias, q->multiplier, q->shift, 2 * q->zero_point + 1};
    return scales;
}

/* Requantise the next channel's sum. */
static inline int8_t kws_requantize_next(int32_t sum, kws_scales *scales) {
    const int32_t right = -*scales->shift++;
    const int32_t round = (int32_t)((uint32_t)scales->zero << (right - 1));
#if KWS_DSP
    int32_t y, out;
    const int32_t doubled = (int32_t)((uint32_t)(sum + *scales->bias++) << 1);
    __asm__("smmulr %0, %1, %2" : "=r"(y) : "r"(doubled), "r"(*scales->multiplier++));
    y += y >> 31;
    y = (y + round) >> right;
    __asm__("ssat %0, #8, %1" : "=r"(out) : "r"(y));
    return (int8_t)out;
#else
    int32_t y = kws_high_multiply(sum + *scales->bias++, *scales->multiplier++);
    y += y >> 31;
    return (int8_t)kws_clip((y + round) >> right, -128, 127);
#endif
}

#endif /* KWS_DOT_ROWS_H */
