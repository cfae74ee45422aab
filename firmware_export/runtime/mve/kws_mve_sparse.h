/* Sparse rows of weights against sixteen pixels at once: a weight times the inputs of all of them, by VMLA.
 *
 * A row of columns is the sixteen inputs of one weight, pixel 4 * l + j at byte 4 * j + l, so that sums of four pixels
 * each, narrowed by twos, lie in order. */
#ifndef KWS_MVE_SPARSE_H
#define KWS_MVE_SPARSE_H

#include "kws_mve.h"

#if KWS_MVE
#include "kws_offsets.h"

/* What the assembly works with. */
typedef struct {
    const uint8_t *code;   /* 0 */
    const int8_t *columns; /* 4 */
    int8_t *output;        /* 8 */
    uint32_t plane;        /* 12: bytes from one output row to the next */
    uint32_t channels;     /* 16 */
    const int32_t *bias;
    const int32_t *multiplier;
    const int8_t *shift;
    int32_t zero_point, minimum, maximum;
    uint32_t count;    /* 44: pixels */
    const int8_t *end; /* 48: of the columns */
    uint32_t pairs;    /* 52: of weights in a row of N:M */
} kws_mve_sparse;
KWS_CHECK_OFFSET(kws_mve_sparse, code, 0);
KWS_CHECK_OFFSET(kws_mve_sparse, columns, 4);
KWS_CHECK_OFFSET(kws_mve_sparse, output, 8);
KWS_CHECK_OFFSET(kws_mve_sparse, plane, 12);
KWS_CHECK_OFFSET(kws_mve_sparse, channels, 16);
KWS_CHECK_OFFSET(kws_mve_sparse, bias, 20);
KWS_CHECK_OFFSET(kws_mve_sparse, multiplier, 24);
KWS_CHECK_OFFSET(kws_mve_sparse, shift, 28);
KWS_CHECK_OFFSET(kws_mve_sparse, zero_point, 32);
KWS_CHECK_OFFSET(kws_mve_sparse, minimum, 36);
KWS_CHECK_OFFSET(kws_mve_sparse, maximum, 40);
KWS_CHECK_OFFSET(kws_mve_sparse, count, 44);
KWS_CHECK_OFFSET(kws_mve_sparse, end, 48);
KWS_CHECK_OFFSET(kws_mve_sparse, pairs, 52);

typedef void (*kws_mve_sparse_rows)(const kws_mve_sparse *job);

/* A convolution whose rows `rows` computes, requantises and stores; layer->im2col makes columns as said above. */
kws_status kws_mve_conv_sparse(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch,
                               kws_mve_sparse_rows rows);

#define KWS_MVE_ROWS __attribute__((naked, noinline))
#define KWS_MVE_JOB const kws_mve_sparse *job __attribute__((unused))

/* Weight r2 times the columns at r0; sums in q0 to q3. */
#define KWS_MVE_MAC               \
    "vldrb.s32 q4, [r0]\n\t"      \
    "vmla.s32 q0, q4, r2\n\t"     \
    "vldrb.s32 q5, [r0, #4]\n\t"  \
    "vmla.s32 q1, q5, r2\n\t"     \
    "vldrb.s32 q4, [r0, #8]\n\t"  \
    "vmla.s32 q2, q4, r2\n\t"     \
    "vldrb.s32 q5, [r0, #12]\n\t" \
    "vmla.s32 q3, q5, r2\n\t"

/* The same, and r0 moves on to the next. */
#define KWS_MVE_MAC_NEXT           \
    "vldrb.s32 q4, [r0], #16\n\t"  \
    "vmla.s32 q0, q4, r2\n\t"      \
    "vldrb.s32 q5, [r0, #-12]\n\t" \
    "vmla.s32 q1, q5, r2\n\t"      \
    "vldrb.s32 q4, [r0, #-8]\n\t"  \
    "vmla.s32 q2, q4, r2\n\t"      \
    "vldrb.s32 q5, [r0, #-4]\n\t"  \
    "vmla.s32 q3, q5, r2\n\t"

/* All rows. `macs` finds the columns in r4, the code in r1 and r0 like r4, moves r1 on, and may use r0, r2, r3, r12 and
 * lr; the job's address is at sp. r5: output, r6: plane, r7: channels left, r8 to r11: constants; sums begin at the
 * bias. Labels 1 to 6 are free for `macs`. */
#define KWS_MVE_EVERY_ROW(macs)                                 \
    __asm__("push {r0, r4-r11, lr}\n\t"                         \
            "vpush {d8-d15}\n\t"                                \
            "ldr r12, [r0, #44]\n\t"                            \
            "vctp.8 r12\n\t"                                    \
            "ldr r2, [r0, #36]\n\t"                             \
            "vdup.8 q6, r2\n\t"                                 \
            "ldr r2, [r0, #40]\n\t"                             \
            "vdup.8 q7, r2\n\t"                                 \
            "ldm r0, {r1, r4-r11}\n"                            \
            "7:\n\t"                                            \
            "ldr r2, [r8], #4\n\t"                              \
            "mov r0, r4\n\t"                                    \
            "vdup.32 q0, r2\n\t"                                \
            "vdup.32 q1, r2\n\t"                                \
            "vdup.32 q2, r2\n\t"                                \
            "vdup.32 q3, r2\n\t" macs "ldrsb r3, [r10], #1\n\t" \
            "ldr r2, [r9], #4\n\t"                              \
            "cmp r3, #0\n\t"                                    \
            "bge.w 9f\n\t"                                      \
            "vshr.s32 q4, q0, #31\n\t"                          \
            "vqrdmlah.s32 q4, q0, r2\n\t"                       \
            "vshr.s32 q0, q1, #31\n\t"                          \
            "vqrdmlah.s32 q0, q1, r2\n\t"                       \
            "vshr.s32 q1, q2, #31\n\t"                          \
            "vqrdmlah.s32 q1, q2, r2\n\t"                       \
            "vshr.s32 q2, q3, #31\n\t"                          \
            "vqrdmlah.s32 q2, q3, r2\n\t"                       \
            "vrshl.s32 q4, r3\n\t"                              \
            "vrshl.s32 q0, r3\n\t"                              \
            "vrshl.s32 q1, r3\n\t"                              \
            "vrshl.s32 q2, r3\n"                                \
            "8:\n\t"                                            \
            "vqmovnb.s32 q3, q4\n\t"                            \
            "vqmovnb.s32 q5, q0\n\t"                            \
            "vqmovnt.s32 q3, q1\n\t"                            \
            "vqmovnt.s32 q5, q2\n\t"                            \
            "vqadd.s16 q3, q3, r11\n\t"                         \
            "vqadd.s16 q5, q5, r11\n\t"                         \
            "vqmovnb.s16 q0, q3\n\t"                            \
            "vqmovnt.s16 q0, q5\n\t"                            \
            "vmax.s8 q0, q0, q6\n\t"                            \
            "vmin.s8 q0, q0, q7\n\t"                            \
            "vpst\n\t"                                          \
            "vstrbt.8 q0, [r5]\n\t"                             \
            "add r5, r5, r6\n\t"                                \
            "subs r7, r7, #1\n\t"                               \
            "bne.w 7b\n\t"                                      \
            "vpop {d8-d15}\n\t"                                 \
            "pop {r0, r4-r11, pc}\n"                            \
            "9:\n\t" /* a shift to the left */                  \
            "vshl.s32 q0, r3\n\t"                               \
            "vshl.s32 q1, r3\n\t"                               \
            "vshl.s32 q2, r3\n\t"                               \
            "vshl.s32 q3, r3\n\t"                               \
            "vqrdmulh.s32 q4, q0, r2\n\t"                       \
            "vqrdmulh.s32 q0, q1, r2\n\t"                       \
            "vqrdmulh.s32 q1, q2, r2\n\t"                       \
            "vqrdmulh.s32 q2, q3, r2\n\t"                       \
            "b.w 8b")
#endif

#endif /* KWS_MVE_SPARSE_H */
