/* A row of weights against eight pixels in assembly, for Armv7-M and Armv8-M mainline.
 *
 * The loops need all fourteen registers: r4-r11 hold the four 64-bit sums, r0 walks the columns, r1 the weights, r2 and
 * r3 take the lanes, r12 the weight, lr what the encoding needs. Hence naked functions: a compiler given these loops as
 * inline assembly moves the sums about, or has no register left.
 *
 *   const uint8_t *function(const kws_lane *columns, const uint8_t *code, kws_row *row, int8_t *output)
 *
 * writes the eight requantised pixels to output, moves `row` on to the next channel's constants and returns where the
 * next row's code begins. It is for layers whose requantisation saturates.
 */
#ifndef KWS_THUMB2_H
#define KWS_THUMB2_H

#include "kws_lanes.h"
#include "kws_offsets.h"

#if defined(__thumb2__) && defined(__GNUC__)
#define KWS_THUMB2 1
#else
#define KWS_THUMB2 0
#endif

#if KWS_THUMB2
#define KWS_NAKED __attribute__((naked, noinline))
/* Read by the assembly alone, in r0 to r3. */
#define KWS_ROW_PARAMETERS                                                                        \
    const kws_lane *columns __attribute__((unused)), const uint8_t *code __attribute__((unused)), \
        kws_row *row __attribute__((unused)), int8_t *output __attribute__((unused))

#define KWS_ROW_ENTER               \
    "push {r2, r3, r4-r11, lr}\n\t" \
    "movs r4, #0\n\t"               \
    "movs r5, #0\n\t"               \
    "movs r6, #0\n\t"               \
    "movs r7, #0\n\t"               \
    "mov r8, #0\n\t"                \
    "mov r9, #0\n\t"                \
    "mov r10, #0\n\t"               \
    "mov r11, #0\n\t"

/* Weight r12 times the columns at r0. */
#define KWS_ROW_MAC             \
    "ldrd r2, r3, [r0]\n\t"     \
    "smlal r4, r5, r2, r12\n\t" \
    "smlal r6, r7, r3, r12\n\t" \
    "ldrd r2, r3, [r0, #8]\n\t" \
    "smlal r8, r9, r2, r12\n\t" \
    "smlal r10, r11, r3, r12\n\t"

/* The same, and r0 moves on to the next column row. */
#define KWS_ROW_MAC_NEXT        \
    "ldrd r2, r3, [r0], #8\n\t" \
    "smlal r4, r5, r2, r12\n\t" \
    "smlal r6, r7, r3, r12\n\t" \
    "ldrd r2, r3, [r0], #8\n\t" \
    "smlal r8, r9, r2, r12\n\t" \
    "smlal r10, r11, r3, r12\n\t"

#if KWS_DSP
#define KWS_ROW_HIGH(x) "smmulr " x ", " x ", r2\n\t"
#else /* without SMMULR: the upper word of the product, and one more where the lower begins with a one */
#define KWS_ROW_HIGH(x)              \
    "smull r1, " x ", " x ", r2\n\t" \
    "add " x ", " x ", r1, lsr #31\n\t"
#endif

/* This channel's constants: lr = shift to the right, r12 = (2 * zero point + 1) * 2^(shift - 1), r0 = 2 * bias,
 * r2 = multiplier; the pointers at r2 move on. */
#define KWS_ROW_CONSTANTS     \
    "ldr r12, [r2, #8]\n\t"   \
    "ldrsb lr, [r12], #1\n\t" \
    "str r12, [r2, #8]\n\t"   \
    "rsb lr, lr, #0\n\t"      \
    "ldr r12, [r2, #12]\n\t"  \
    "lsl r12, r12, lr\n\t"    \
    "asr r12, r12, #1\n\t"    \
    "ldrd r0, r1, [r2]\n\t"   \
    "add r0, r0, #4\n\t"      \
    "add r1, r1, #4\n\t"      \
    "strd r0, r1, [r2]\n\t"   \
    "ldr r0, [r0, #-4]\n\t"   \
    "ldr r2, [r1, #-4]\n\t"   \
    "lsl r0, r0, #1\n\t"

/* kws_requantize_saturating of twice the sum plus twice the bias, and store. */
#define KWS_ROW_PUT(x)                     \
    KWS_ROW_HIGH(x)                        \
    "add " x ", " x ", " x ", asr #31\n\t" \
    "add " x ", " x ", r12\n\t"            \
    "asr " x ", " x ", lr\n\t"             \
    "ssat " x ", #8, " x "\n\t"            \
    "strb " x ", [r3], #1\n\t"

/* Take two lanes apart, doubled and with twice the bias: the lower is bits 0-22, the upper starts at bit 23 and lacks
 * one where the lower is negative. */
#define KWS_ROW_PAIR(low, high)                    \
    "lsl " high ", " high ", #9\n\t"               \
    "orr " high ", " high ", " low ", lsr #23\n\t" \
    "lsl " low ", " low ", #9\n\t"                 \
    "add " high ", " high ", " low ", lsr #31\n\t" \
    "add " low ", r0, " low ", asr #8\n\t"         \
    "add " high ", r0, " high ", lsl #1\n\t" KWS_ROW_PUT(low) KWS_ROW_PUT(high)

/* Requantise and store the eight sums; return r1. */
#define KWS_ROW_LEAVE                                                                                            \
    "pop {r2, r3}\n\t"                                                                                           \
    "push {r1}\n\t" KWS_ROW_CONSTANTS KWS_ROW_PAIR("r4", "r5") KWS_ROW_PAIR("r6", "r7") KWS_ROW_PAIR("r8", "r9") \
        KWS_ROW_PAIR("r10", "r11") "pop {r0, r4-r11, pc}"
#endif

/* Where the constants of the next channel are, for the assembly: offsets 0, 4, 8 and so on to 28. */
typedef struct {
    const int32_t *bias;
    const int32_t *multiplier;
    const int8_t *shift;
    int32_t twice; /* 2 * zero point + 1 */
    uint32_t depth;
    uint32_t bytes;  /* of one row in kws_conv_nm, of one plane of a row in kws_conv_planes */
    uint32_t planes; /* of kws_conv_planes, and twice the common factor of its weights */
    int32_t factor;
} kws_row;
#if KWS_THUMB2
KWS_CHECK_OFFSET(kws_row, bias, 0);
KWS_CHECK_OFFSET(kws_row, multiplier, 4);
KWS_CHECK_OFFSET(kws_row, shift, 8);
KWS_CHECK_OFFSET(kws_row, twice, 12);
KWS_CHECK_OFFSET(kws_row, depth, 16);
KWS_CHECK_OFFSET(kws_row, bytes, 20);
KWS_CHECK_OFFSET(kws_row, planes, 24);
KWS_CHECK_OFFSET(kws_row, factor, 28);
#endif

static inline kws_row kws_first_row(const kws_conv *layer) {
    kws_row row;
    row.bias = layer->output.bias;
    row.multiplier = layer->output.multiplier;
    row.shift = layer->output.shift;
    row.twice = 2 * layer->output.zero_point + 1;
    row.depth = layer->depth;
    row.bytes = layer->group != 0 ? kws_pairs_bytes(layer) : 0;
    row.planes = layer->bits;
    row.factor = 2 * layer->group;
    return row;
}

typedef const uint8_t *(*kws_row_function)(const kws_lane *columns, const uint8_t *code, kws_row *row, int8_t *output);

/* One row, straight into the output where all eight pixels belong there. */
static inline const uint8_t *kws_one_row(kws_row_function function, const uint8_t *code, const kws_lane *columns,
                                         kws_row *row, int8_t *output, uint32_t count) {
    if (count == KWS_BLOCK) {
        return function(columns, code, row, output);
    }
    int8_t pixels[KWS_BLOCK];
    code = function(columns, code, row, pixels);
    for (uint32_t i = 0; i < count; i++) {
        output[i] = pixels[i];
    }
    return code;
}

/* Every row of a block. */
static inline void kws_every_row(kws_row_function function, const kws_conv *layer, const kws_lane *columns,
                                 int8_t *output, uint32_t count) {
    kws_row row = kws_first_row(layer);
    const uint8_t *code = layer->weights;
    const uint32_t plane = layer->window.out_plane;
    for (uint32_t channels = layer->channels; channels > 0; channels--) {
        code = kws_one_row(function, code, columns, &row, output, count);
        output += plane;
    }
}

#endif /* KWS_THUMB2_H */
