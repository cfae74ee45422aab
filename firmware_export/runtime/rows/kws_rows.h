/* Every row of weights against eight pixels in one assembly function, for layers that saturate on Armv7-M and Armv8-M
 * mainline.
 *
 * kws_thumb2.h says what a single row does; here the function keeps its place between rows, so that nothing is saved
 * and restored for each. Sums begin at 2^22 in both lanes (see kws_lanes.h): a lower lane is then never negative, the
 * upper one exact, and twice the bias less 2^23 takes the excess away.
 *
 * An encoding gives what adds up one row, from the columns at r0 and the code at r1, into r4-r11; it may use r2, r3,
 * r12 and lr, leaves r1 at the next row's code, and finds in the job, at sp, what else it needs.
 */
#ifndef KWS_ROWS_H
#define KWS_ROWS_H

#include "kws_thumb2.h"

#if KWS_THUMB2
typedef struct {
    const kws_lane *columns;   /* 0 */
    const uint8_t *code;       /* 4 */
    const int32_t *bias;       /* 8 */
    const int32_t *multiplier; /* 12 */
    const int8_t *shift;       /* 16 */
    int32_t twice;             /* 20: 2 * zero point + 1 */
    int8_t *output;            /* 24 */
    uint32_t plane;            /* 28: bytes from one row's outputs to the next row's */
    int32_t channel;           /* 32: less as many rows as are left; constants begin so far before the pointers */
    uint32_t whole;            /* 36: 0 where only four pixels are stored */
    uint32_t size;             /* 40: bytes of all columns, in kws_conv_nm of a row of code */
    uint32_t spare;            /* 44: the encoding's own, to write */
} kws_rows;
KWS_CHECK_OFFSET(kws_rows, columns, 0);
KWS_CHECK_OFFSET(kws_rows, code, 4);
KWS_CHECK_OFFSET(kws_rows, bias, 8);
KWS_CHECK_OFFSET(kws_rows, multiplier, 12);
KWS_CHECK_OFFSET(kws_rows, shift, 16);
KWS_CHECK_OFFSET(kws_rows, twice, 20);
KWS_CHECK_OFFSET(kws_rows, output, 24);
KWS_CHECK_OFFSET(kws_rows, plane, 28);
KWS_CHECK_OFFSET(kws_rows, channel, 32);
KWS_CHECK_OFFSET(kws_rows, whole, 36);
KWS_CHECK_OFFSET(kws_rows, size, 40);
KWS_CHECK_OFFSET(kws_rows, spare, 44);

/* Computes, requantises and stores `-channel` rows of a block; returns where the next row's code is. */
typedef const uint8_t *(*kws_rows_function)(const kws_rows *job);

/* The four words of columns at `column` times `weight`, lanes through `a` and `b`. Loads are together, since those
 * that follow another take one cycle; `more` is one more of them. */
#define KWS_ROWS_MAC(column, weight, a, b, more)                                  \
    "ldr " a ", [" column "]\n\t"                                                 \
    "ldr " b ", [" column ", #4]\n\t"                                             \
    "smlal r4, r5, " a ", " weight "\n\t"                                         \
    "smlal r6, r7, " b ", " weight "\n\t"                                         \
    "ldr " a ", [" column ", #8]\n\t"                                             \
    "ldr " b ", [" column ", #12]\n\t" more "smlal r8, r9, " a ", " weight "\n\t" \
    "smlal r10, r11, " b ", " weight "\n\t"

#if KWS_DSP /* the rounding constant rides on SMMLAR, and the sign is that of the sum, as in kws_dense_pairs.c */
#define KWS_ROWS_HIGH(x)            \
    "smmlar r1, " x ", r2, r12\n\t" \
    "add " x ", r1, " x ", asr #31\n\t"
#else
#define KWS_ROWS_HIGH(x)                   \
    "smull r1, " x ", " x ", r2\n\t"       \
    "add " x ", " x ", r1, lsr #31\n\t"    \
    "add " x ", " x ", " x ", asr #31\n\t" \
    "add " x ", " x ", r12\n\t"
#endif
/* To 8 unless r1 is set; flags stay. */
#if KWS_DSP
#define KWS_ROWS_UNLESS_WHOLE "cbz r1, 8f\n\t"
#else /* too far for that */
#define KWS_ROWS_UNLESS_WHOLE "cbnz r1, 7f\n\tb 8f\n7:\n\t"
#endif
/* kws_requantize_saturating of twice the sum plus twice the bias; saturating shifts the last place. */
#define KWS_ROWS_PUT(x, at)             \
    KWS_ROWS_HIGH(x)                    \
    "asr " x ", " x ", lr\n\t"          \
    "ssat " x ", #8, " x ", asr #1\n\t" \
    "strb " x ", [r3, #" at "]\n\t"
#define KWS_ROWS_PAIR(low, high, first, second)    \
    "lsl " high ", " high ", #9\n\t"               \
    "orr " high ", " high ", " low ", lsr #23\n\t" \
    "ubfx " low ", " low ", #0, #23\n\t"           \
    "add " high ", r0, " high ", lsl #1\n\t"       \
    "add " low ", r0, " low ", lsl #1\n\t" KWS_ROWS_PUT(low, first) KWS_ROWS_PUT(high, second)

/* Sums of lanes as said above, and how they are taken apart, requantised and stored, by fours. */
#define KWS_ROWS_BEGIN_LANES \
    "mov r4, #0x400000\n\t"  \
    "mov r5, #0x2000\n\t"    \
    "mov r6, r4\n\t"         \
    "mov r7, r5\n\t"         \
    "mov r8, r4\n\t"         \
    "mov r9, r5\n\t"         \
    "mov r10, r4\n\t"        \
    "mov r11, r5\n\t"
#define KWS_ROWS_EXCESS "sub r0, r0, #0x800000\n\t"
#define KWS_ROWS_FIRST KWS_ROWS_PAIR("r4", "r5", "0", "1") KWS_ROWS_PAIR("r6", "r7", "2", "3")
#define KWS_ROWS_SECOND KWS_ROWS_PAIR("r8", "r9", "4", "5") KWS_ROWS_PAIR("r10", "r11", "6", "7")
#define KWS_ROWS(sums) KWS_ROWS_AROUND(KWS_ROWS_BEGIN_LANES, sums, KWS_ROWS_EXCESS, KWS_ROWS_FIRST, KWS_ROWS_SECOND)

/* The whole function around `sums`, which adds up one row from where `begin` leaves r4-r11; `excess` corrects twice the
 * bias, r0, and `first` and `second` store four outputs each; from the channel on, flags say whether it was the last.
 * Labels 7 to 9 are taken. */
#define KWS_ROWS_AROUND(begin, sums, excess, first, second)                                            \
    __asm__("push {r4-r11, lr}\n\t"                                                                    \
            "sub sp, sp, #48\n\t"                                                                      \
            "mov r12, sp\n\t"                                                                          \
            "ldm r0!, {r1-r7}\n\t"                                                                     \
            "stm r12!, {r1-r7}\n\t"                                                                    \
            "ldm r0, {r3-r7}\n\t"                                                                      \
            "stm r12, {r3-r7}\n\t"                                                                     \
            "mov r1, r2\n"                                                                             \
            "9:\n\t"                                                                                   \
            "ldr r0, [sp]\n\t" begin sums "str r1, [sp, #4]\n\t"                                       \
            "ldr r1, [sp, #32]\n\t"                                                                    \
            "ldr r0, [sp, #8]\n\t"                                                                     \
            "ldr r2, [sp, #12]\n\t"                                                                    \
            "ldr lr, [sp, #16]\n\t"                                                                    \
            "ldr r12, [sp, #20]\n\t"                                                                   \
            "ldr r3, [sp, #24]\n\t"                                                                    \
            "ldr r0, [r0, r1, lsl #2]\n\t"                                                             \
            "ldr r2, [r2, r1, lsl #2]\n\t"                                                             \
            "ldrsb lr, [lr, r1]\n\t"                                                                   \
            "adds r1, r1, #1\n\t"                                                                      \
            "str r1, [sp, #32]\n\t"                                                                    \
            "lsl r0, r0, #1\n\t" excess "mvn lr, lr\n\t"                                               \
            "lsl r12, r12, lr\n\t" first "ldr r1, [sp, #36]\n\t" KWS_ROWS_UNLESS_WHOLE second "8:\n\t" \
            "ldr r0, [sp, #28]\n\t"                                                                    \
            "ldr r1, [sp, #4]\n\t"                                                                     \
            "add r3, r3, r0\n\t"                                                                       \
            "str r3, [sp, #24]\n\t"                                                                    \
            "bne.w 9b\n\t"                                                                             \
            "mov r0, r1\n\t"                                                                           \
            "add sp, sp, #48\n\t"                                                                      \
            "pop {r4-r11, pc}")
/* Parameters of such a function, read by the assembly alone. */
#define KWS_ROWS_PARAMETERS const kws_rows *job __attribute__((unused))

/* Every row of a block of 1, 4 or 8 pixels. */
static inline void kws_rows_block(kws_rows_function function, const kws_conv *layer, const kws_lane *columns,
                                  int8_t *output, uint32_t count) {
    kws_rows job;
    job.columns = columns;
    job.code = layer->weights;
    job.bias = layer->output.bias + layer->channels;
    job.multiplier = layer->output.multiplier + layer->channels;
    job.shift = layer->output.shift + layer->channels;
    job.twice = 2 * layer->output.zero_point + 1;
    job.output = output;
    job.plane = layer->window.out_plane;
    job.channel = -(int32_t)layer->channels;
    job.whole = count == KWS_BLOCK;
    job.size = layer->group != 0 ? kws_pairs_bytes(layer) : kws_conv_scratch(layer->depth);
    job.spare = 0;
    if (count >= 4) {
        function(&job);
        return;
    }
    int8_t four[4]; /* a single pixel: one row at a time, of whose outputs one is kept */
    job.output = four;
    job.channel = -1;
    for (uint32_t channel = 0; channel < layer->channels; channel++) {
        job.bias = layer->output.bias + channel + 1u;
        job.multiplier = layer->output.multiplier + channel + 1u;
        job.shift = layer->output.shift + channel + 1u;
        job.code = function(&job);
        output[channel] = four[0];
    }
}
#endif

#endif /* KWS_ROWS_H */
