/* A 3x3 depthwise kernel over a few rows of a narrow plane, from the plane as it lies: one step of a DS-CNN. */
#include "kws_depthwise_holds.h"
#include "kws_nine_taps.h"
#include "kws_offsets.h"
#include "kws_plane.h"
#include "kws_shapes.h"

#if KWS_DSP && defined(__thumb2__)
/* What the assembly needs of one channel. Doubled taps of a column as pairs of int16: rows 0 and 1, rows 1 and 2. */
typedef struct {
    struct {
        uint32_t upper, lower;
    } taps[3];                        /* 0 */
    int32_t multiplier, round, shift; /* 24, 28, 32 */
    int32_t doubled;                  /* 36: twice the bias */
    uint32_t outside;                 /* 40: what is beside the plane, in both halves */
} kws_job;
KWS_CHECK_OFFSET(kws_job, taps, 0);
KWS_CHECK_OFFSET(kws_job, multiplier, 24);
KWS_CHECK_OFFSET(kws_job, round, 28);
KWS_CHECK_OFFSET(kws_job, shift, 32);
KWS_CHECK_OFFSET(kws_job, doubled, 36);
KWS_CHECK_OFFSET(kws_job, outside, 40);

/* A column of inputs is a register with rows 0 and 1 and one with rows 2 and 3, or row 2 where one line is left. The
 * columns before, at and behind the output share four registers. r0 and r3: where rows 0 and 2 go on, r1: outputs, r2:
 * width, r8 and r9: sums of both lines, r12: job, lr: where row 0 ends. */
#define LOAD_TWO(p, q)                     \
    "ldrsb r10, [r0, r2]\n\t"              \
    "ldrsb " p ", [r0], #1\n\t"            \
    "ldrsb r11, [r3, r2]\n\t"              \
    "ldrsb " q ", [r3], #1\n\t"            \
    "pkhbt " p ", " p ", r10, lsl #16\n\t" \
    "pkhbt " q ", " q ", r11, lsl #16\n\t"
#define TAPS_TWO(at, p, q)              \
    "ldrd r10, r11, [r12, #" at "]\n\t" \
    "smlad r8, " p ", r10, r8\n\t"      \
    "smlad r9, " q ", r11, r9\n\t"      \
    "smlabt r8, " q ", r11, r8\n\t"     \
    "smlatb r9, " p ", r10, r9\n\t"
#define FIRST_TWO(p, q) "ldr r8, [r12, #36]\n\tmov r9, r8\n\t" TAPS_TWO("0", p, q)
#define FINISH_TWO                  \
    "ldrd r10, r11, [r12, #24]\n\t" \
    "smmulr r8, r8, r10\n\t"        \
    "smmulr r9, r9, r10\n\t"        \
    "ldr r10, [r12, #32]\n\t"       \
    "add r8, r8, r8, asr #31\n\t"   \
    "add r9, r9, r9, asr #31\n\t"   \
    "add r8, r8, r11\n\t"           \
    "add r9, r9, r11\n\t"           \
    "asr r8, r8, r10\n\t"           \
    "asr r9, r9, r10\n\t"           \
    "ssat r8, #8, r8\n\t"           \
    "ssat r9, #8, r9\n\t"           \
    "strb r9, [r1, r2]\n\t"         \
    "strb r8, [r1], #1\n\t"
#define LOAD_ONE(p, q)          \
    "ldrsb r10, [r0, r2]\n\t"   \
    "ldrsb " p ", [r0], #1\n\t" \
    "ldrsb " q ", [r3], #1\n\t" \
    "pkhbt " p ", " p ", r10, lsl #16\n\t"
#define TAPS_ONE(at, p, q)              \
    "ldrd r10, r11, [r12, #" at "]\n\t" \
    "smlad r8, " p ", r10, r8\n\t"      \
    "smlabt r8, " q ", r11, r8\n\t"
#define FIRST_ONE(p, q) "ldr r8, [r12, #36]\n\t" TAPS_ONE("0", p, q)
#define FINISH_ONE                  \
    "ldrd r10, r11, [r12, #24]\n\t" \
    "smmulr r8, r8, r10\n\t"        \
    "ldr r10, [r12, #32]\n\t"       \
    "add r8, r8, r8, asr #31\n\t"   \
    "add r8, r8, r11\n\t"           \
    "asr r8, r8, r10\n\t"           \
    "ssat r8, #8, r8\n\t"           \
    "strb r8, [r1], #1\n\t"
/* Rows of `x` [width] to one or two lines of outputs. */
#define LINES(LOAD, FIRST, TAPS, FINISH)                                                                     \
    __asm__("push {r4-r11, lr}\n\t"                                                                          \
            "mov r12, r3\n\t"                                                                                \
            "add lr, r0, r2\n\t"                                                                             \
            "add r3, lr, r2\n\t"                                                                             \
            "ldr r4, [r12, #40]\n\t"                                                                         \
            "mov r5, r4\n\t" LOAD("r6", "r7") "1:\n\t" FIRST(                                                \
                "r4", "r5") "cmp r0, lr\n\t"                                                                 \
                            "beq 2f\n\t" LOAD("r4", "r5") TAPS("8", "r6", "r7") TAPS("16", "r4", "r5")       \
                                FINISH FIRST("r6", "r7") "cmp r0, lr\n\t"                                    \
                                                         "beq 3f\n\t" LOAD("r6", "r7") TAPS("8", "r4", "r5") \
                                                             TAPS("16", "r6", "r7") FINISH                   \
            "b 1b\n"                                                                                         \
            "2:\n\t"                                                                                         \
            "ldr r4, [r12, #40]\n\t"                                                                         \
            "mov r5, r4\n\t" TAPS("8", "r6", "r7") TAPS("16", "r4", "r5") FINISH                             \
            "pop {r4-r11, pc}\n"                                                                             \
            "3:\n\t"                                                                                         \
            "ldr r6, [r12, #40]\n\t"                                                                         \
            "mov r7, r6\n\t" TAPS("8", "r4", "r5") TAPS("16", "r6", "r7") FINISH "pop {r4-r11, pc}")
#define LINES_PARAMETERS                                                                                               \
    const int8_t *x __attribute__((unused)), int8_t *y __attribute__((unused)), int32_t width __attribute__((unused)), \
        const kws_job *job __attribute__((unused))

__attribute__((naked, noinline)) static void kws_two_lines(LINES_PARAMETERS) {
    LINES(LOAD_TWO, FIRST_TWO, TAPS_TWO, FINISH_TWO);
}

__attribute__((naked, noinline)) static void kws_one_line(LINES_PARAMETERS) {
    LINES(LOAD_ONE, FIRST_ONE, TAPS_ONE, FINISH_ONE);
}

/* Taps t0 to t8 as pairs down the columns. */
static inline void kws_set_taps(kws_job *job, const int8_t *t) {
    const kws_nine_taps n = kws_nine_taps_of(t);
    job->taps[0].upper = kws_lower_halves(n.t02, n.t35);
    job->taps[0].lower = kws_lower_halves(n.t35, n.t68);
    job->taps[1].upper = kws_lower_halves(n.t13, n.t46);
    job->taps[1].lower = kws_both_halves(n.t46, n.t57);
    job->taps[2].upper = kws_upper_halves(n.t02, n.t35);
    job->taps[2].lower = kws_upper_halves(n.t35, n.t68);
}

/* Every channel. */
static void kws_channels(const kws_depthwise *layer, const int8_t *x, int8_t *y) {
    const kws_window *w = &layer->window;
    const int32_t width = w->in_width, twice = 2 * layer->output.zero_point + 1;
    const int32_t *bias = layer->output.bias, *multiplier = layer->output.multiplier;
    const int8_t *shift = layer->output.shift;
    const uint8_t *code = layer->weights;
    int8_t unpacked[12];
    kws_job job;
    job.outside = 0x10001u * (uint16_t)w->zero_point;
    for (uint32_t channel = layer->channels; channel > 0; channel--) {
        kws_set_taps(&job, kws_next_nine(layer, &code, unpacked));
        job.multiplier = *multiplier++;
        job.shift = -*shift++;
        job.round = (int32_t)((uint32_t)twice << (job.shift - 1));
        job.doubled = 2 * *bias++;
        const int8_t *line = x;
        int8_t *out = y;
        int32_t left = w->out_height;
        for (; left >= 2; left -= 2) {
            kws_two_lines(line, out, width, &job);
            line += 2 * width;
            out += 2 * width;
        }
        if (left > 0) {
            kws_one_line(line, out, width, &job);
        }
        x += w->in_plane;
        y += w->out_plane;
    }
}
#else
static void kws_lines_of(const int8_t *weights, const kws_scale *scale, const int8_t *x, const kws_window *w,
                         int8_t *y) {
    const int32_t width = w->in_width;
    for (int32_t row = 0; row < w->out_height; row++) {
        for (int32_t column = 0; column < width; column++) {
            int32_t sum = 0;
            for (int32_t k = 0; k < 3; k++) {
                const int32_t place = column + k - 1;
                const int8_t *line = x + place;
                if (place < 0 || place >= width) {
                    sum += w->zero_point * (weights[k] + weights[3 + k] + weights[6 + k]);
                } else {
                    sum += line[0] * weights[k] + line[width] * weights[3 + k] + line[2 * width] * weights[6 + k];
                }
            }
            *y++ = (int8_t)kws_requantize_saturating(sum, scale);
        }
        x += width;
    }
}

/* Every channel. */
static void kws_channels(const kws_depthwise *layer, const int8_t *x, int8_t *y) {
    const uint8_t *code = layer->weights;
    int8_t unpacked[12];
    for (uint32_t channel = 0; channel < layer->channels; channel++) {
        const kws_scale scale = kws_scale_of(&layer->output, channel);
        kws_lines_of(kws_next_nine(layer, &code, unpacked), &scale, x, &layer->window, y);
        x += layer->window.in_plane;
        y += layer->window.out_plane;
    }
}
#endif

/* Stride and dilation 1, padding of one column at either side and of no row; see kws_engine.h. */
kws_status kws_depthwise_narrow(const kws_depthwise *layer, const int8_t *input, int8_t *output, void *scratch) {
    (void)scratch;
    if (!KWS_DEPTHWISE_HOLDS(layer, input, output) || !layer->output.saturating || layer->multiplier != 1) {
        return KWS_ERROR_ARGUMENT;
    }
    const kws_window *w = &layer->window;
    if (w->height != 3 || w->width != 3 || w->stride_y != 1 || w->stride_x != 1 || w->dilation_y != 1 ||
        w->dilation_x != 1 || w->first_x != -1 || w->first_y < 0 || w->out_width != w->in_width ||
        w->first_y + w->out_height + 2 > w->in_height || !kws_window_fits(w)) {
        return KWS_ERROR_ARGUMENT;
    }
    kws_channels(layer, input + w->first_y * w->in_width, output);
    return KWS_OK;
}
