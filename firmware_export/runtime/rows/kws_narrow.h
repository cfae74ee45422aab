/* Sparse rows against blocks of four, six or ten pixels, for the planes of a few pixels that a step along time has.
 *
 * Armv7E-M alone. Two pixels share a word as in kws_lanes.h, a column row is `lanes` words, and a weight is a
 * half-word, {step, weight} from the lower byte on: step is how many bytes the columns move on, and where the weight is
 * zero either a gap is bridged or, with no step, the row ends. Sums begin at 2^22 in both lanes as in kws_rows.h.
 */
#ifndef KWS_NARROW_H
#define KWS_NARROW_H

#include "kws_lanes.h"
#include "kws_offsets.h"

#if KWS_ROW_PAIRS
typedef struct {
    const int32_t *bias;       /* 0 */
    uint32_t channel;          /* 4 */
    const int32_t *multiplier; /* 8 */
    const int8_t *shift;       /* 12 */
    int32_t twice;             /* 16: 2 * zero point + 1 */
    int8_t *output;            /* 20 */
    uint32_t plane;            /* 24: bytes from one row's outputs to the next row's */
    uint32_t channels;         /* 28 */
    const kws_lane *columns;   /* 32 */
    const uint16_t *code;      /* 36 */
} kws_narrow;
KWS_CHECK_OFFSET(kws_narrow, bias, 0);
KWS_CHECK_OFFSET(kws_narrow, channel, 4);
KWS_CHECK_OFFSET(kws_narrow, multiplier, 8);
KWS_CHECK_OFFSET(kws_narrow, shift, 12);
KWS_CHECK_OFFSET(kws_narrow, twice, 16);
KWS_CHECK_OFFSET(kws_narrow, output, 20);
KWS_CHECK_OFFSET(kws_narrow, plane, 24);
KWS_CHECK_OFFSET(kws_narrow, channels, 28);
KWS_CHECK_OFFSET(kws_narrow, columns, 32);
KWS_CHECK_OFFSET(kws_narrow, code, 36);

/* Computes, requantises and stores every row of a block. */
typedef void (*kws_narrow_rows)(const kws_narrow *job);

/* Two sums parted, with the bias, doubled, requantised as by kws_requantize_saturating and stored (kws_rows.h says
 * how). */
#define KWS_NARROW_PUT(x, at)           \
    "smmlar r1, " x ", r10, r12\n\t"    \
    "add " x ", r1, " x ", asr #31\n\t" \
    "asr " x ", " x ", r11\n\t"         \
    "ssat " x ", #8, " x ", asr #1\n\t" \
    "strb " x ", [lr, #" at "]\n\t"
#define KWS_NARROW_PAIR(low, high, first, second)  \
    "lsl " high ", " high ", #9\n\t"               \
    "orr " high ", " high ", " low ", lsr #23\n\t" \
    "ubfx " low ", " low ", #0, #23\n\t"           \
    "add " high ", r0, " high ", lsl #1\n\t"       \
    "add " low ", r0, " low ", lsl #1\n\t" KWS_NARROW_PUT(low, first) KWS_NARROW_PUT(high, second)

/* The next weight into r12 and the columns on to it; 3: where it is zero. */
#define KWS_NARROW_NEXT       \
    "ldrsh r12, [r1], #2\n\t" \
    "uxtab r0, r0, r12\n\t"   \
    "asrs r12, r12, #8\n\t"   \
    "beq 3f\n\t"

/* The whole function: `begin` sets the sums from r2 on, `multiply` adds weight r12 times the columns at r0, `aside`
 * frees r10 and r11, and `put` stores every pair. A copy of the job is at sp, two words of `aside` behind it. */
#define KWS_NARROW_ROWS(begin, multiply, aside, put)                                                          \
    __asm__("push {r4-r11, lr}\n\t"                                                                           \
            "sub sp, sp, #52\n\t"                                                                             \
            "ldm r0, {r2-r11}\n\t"                                                                            \
            "stm sp, {r2-r11}\n\t"                                                                            \
            "mov r1, r11\n"                                                                                   \
            "9:\n\t"                                                                                          \
            "ldr r0, [sp, #32]\n\t" begin "1:\n\t" KWS_NARROW_NEXT multiply KWS_NARROW_NEXT multiply "b 1b\n" \
            "3:\n\t"                                                                                          \
            "ldrb r12, [r1, #-2]\n\t"                                                                         \
            "cmp r12, #0\n\t"                                                                                 \
            "bne 1b\n\t"                                                                                      \
            "str r1, [sp, #36]\n\t" aside "ldm sp, {r0, r1, r10, r11, r12, lr}\n\t"                           \
            "ldr r0, [r0, r1, lsl #2]\n\t"                                                                    \
            "ldr r10, [r10, r1, lsl #2]\n\t"                                                                  \
            "ldrsb r11, [r11, r1]\n\t"                                                                        \
            "adds r1, r1, #1\n\t"                                                                             \
            "str r1, [sp, #4]\n\t"                                                                            \
            "lsls r0, r0, #1\n\t"                                                                             \
            "sub r0, r0, #0x800000\n\t"                                                                       \
            "mvn r11, r11\n\t"                                                                                \
            "lsl r12, r12, r11\n\t" put "ldrd r2, r3, [sp, #24]\n\t"                                          \
            "ldr r0, [sp, #4]\n\t"                                                                            \
            "ldr r1, [sp, #36]\n\t"                                                                           \
            "add lr, lr, r2\n\t"                                                                              \
            "cmp r0, r3\n\t"                                                                                  \
            "str lr, [sp, #20]\n\t"                                                                           \
            "bne.w 9b\n\t"                                                                                    \
            "add sp, sp, #52\n\t"                                                                             \
            "pop {r4-r11, pc}")

/* The parameter of such a function, read by the assembly alone. */
#define KWS_NARROW_PARAMETER const kws_narrow *job __attribute__((unused))

/* Every block of `width` pixels; the last may reach into the plane's padding. */
static inline kws_status kws_narrow_blocks(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch,
                                           uint32_t width, kws_narrow_rows rows) {
    if (layer == NULL || input == NULL || output == NULL || scratch == NULL || !layer->output.saturating ||
        layer->bits != width) {
        return KWS_ERROR_ARGUMENT;
    }
    const uint32_t pixels = (uint32_t)layer->window.out_height * layer->window.out_width;
    if ((pixels + width - 1u) / width * width > layer->window.out_plane) {
        return KWS_ERROR_ARGUMENT;
    }
    kws_narrow job;
    job.bias = layer->output.bias;
    job.channel = 0;
    job.multiplier = layer->output.multiplier;
    job.shift = layer->output.shift;
    job.twice = 2 * layer->output.zero_point + 1;
    job.plane = layer->window.out_plane;
    job.channels = layer->channels;
    job.columns = (const kws_lane *)scratch;
    job.code = (const uint16_t *)(const void *)layer->weights;
    for (uint32_t pixel = 0; pixel < pixels; pixel += width) {
        layer->im2col(layer, input, pixel, scratch);
        job.output = output + pixel;
        rows(&job);
    }
    return KWS_OK;
}
#endif

#endif /* KWS_NARROW_H */
