/* Depthwise convolution with a 3x3 window, stride and dilation 1. */
#include "kws_depthwise_holds.h"
#include "kws_offsets.h"
#include "kws_mve_lines.h"
#include "kws_nine_taps.h"
#include "kws_plane.h"

#if defined(__thumb2__) && defined(__GNUC__) && !KWS_MVE
#define KWS_LINES 1
#else
#define KWS_LINES 0
#endif

#if KWS_LINES && KWS_DSP
/* What one channel needs; offsets are used by the assembly. Taps and bias are doubled, so that the sums are what
 * SMMLAR wants; each row of taps t0 t1 t2 is stored as the int16 pairs (t0, t1) and (t1, t2). */
typedef struct {
    uint32_t taps[6];                 /* 0 */
    int32_t bias;                     /* 24 */
    int32_t multiplier, round, shift; /* 28, 32, 36 */
    int32_t step;                     /* 40: from one output to the next */
    int8_t *output;                   /* 44: moves on */
    int32_t left;                     /* 48: outputs of the line */
    int32_t lines;                    /* 52: of this channel, counted down */
    const int16_t *x;                 /* 56: where the line begins */
    int32_t pitch;                    /* 60: bytes from one line to the next */
    int8_t *first;                    /* 64: output of the line */
    int32_t major;                    /* 68: from one line of outputs to the next */
    int32_t count;                    /* 72: outputs of a line */
} kws_job;
KWS_CHECK_OFFSET(kws_job, taps, 0);
KWS_CHECK_OFFSET(kws_job, bias, 24);
KWS_CHECK_OFFSET(kws_job, multiplier, 28);
KWS_CHECK_OFFSET(kws_job, round, 32);
KWS_CHECK_OFFSET(kws_job, shift, 36);
KWS_CHECK_OFFSET(kws_job, step, 40);
KWS_CHECK_OFFSET(kws_job, output, 44);
KWS_CHECK_OFFSET(kws_job, left, 48);
KWS_CHECK_OFFSET(kws_job, lines, 52);
KWS_CHECK_OFFSET(kws_job, x, 56);
KWS_CHECK_OFFSET(kws_job, pitch, 60);
KWS_CHECK_OFFSET(kws_job, first, 64);
KWS_CHECK_OFFSET(kws_job, major, 68);
KWS_CHECK_OFFSET(kws_job, count, 72);

/* A row of the window under six outputs a to f, r4-r9; r10 and r11 hold inputs, r12 and lr the taps. `more` loads the
 * bias into r9 in the first row; `a` to `f` are what is added to. Loads are together, since those that follow another
 * take one cycle. */
#define ROW(pointer, taps01, taps12, more, a, b, c, d, e)                \
    "ldr r10, [" pointer "]\n\t"                                         \
    "ldr r11, [" pointer ", #4]\n\t"                                     \
    "ldr r12, [r3, #" taps01 "]\n\t"                                     \
    "ldr lr, [r3, #" taps12 "]\n\t" more "smlad r4, r10, r12, " a "\n\t" \
    "smlatb r5, r10, r12, " b "\n\t"                                     \
    "smlabt r4, r11, lr, r4\n\t"                                         \
    "smlad r5, r11, lr, r5\n\t"                                          \
    "smlad r6, r11, r12, " c "\n\t"                                      \
    "smlatb r7, r11, r12, " d "\n\t"                                     \
    "ldr r10, [" pointer ", #8]\n\t"                                     \
    "ldr r11, [" pointer ", #12]\n\t"                                    \
    "smlabt r6, r10, lr, r6\n\t"                                         \
    "smlad r7, r10, lr, r7\n\t"                                          \
    "smlad r8, r10, r12, " e "\n\t"                                      \
    "smlatb r9, r10, r12, r9\n\t"                                        \
    "smlabt r8, r11, lr, r8\n\t"                                         \
    "smlad r9, r11, lr, r9\n\t"                                          \
    "add " pointer ", " pointer ", #12\n\t"
#define NEXT_ROW(pointer, taps01, taps12) ROW(pointer, taps01, taps12, "", "r4", "r5", "r6", "r7", "r8")
/* The same under a single output. */
#define ROW_OF_ONE(pointer, taps01, taps12) \
    "ldr r8, [" pointer "]\n\t"             \
    "ldr r9, [" pointer ", #4]\n\t"         \
    "ldr r11, [r3, #" taps01 "]\n\t"        \
    "ldr r12, [r3, #" taps12 "]\n\t"        \
    "smlad r4, r8, r11, r4\n\t"             \
    "smlabt r4, r9, r12, r4\n\t"
#define CONSTANTS            \
    "ldr r10, [r3, #28]\n\t" \
    "ldr r11, [r3, #32]\n\t" \
    "ldr r12, [r3, #36]\n\t"
/* kws_requantize_saturating of a doubled sum, the rounding constant added by SMMLAR and the sign taken from the sum:
 * where that is negative and the product rounds to zero, one less changes nothing, since the shift is at least one. */
#define FINISH(x)                       \
    "smmlar lr, " x ", r10, r11\n\t"    \
    "add " x ", lr, " x ", asr #31\n\t" \
    "asr " x ", " x ", r12\n\t"         \
    "ssat " x ", #8, " x "\n\t"

/* Every line (row or column) of the padded plane, six outputs at a time. Naked for the same reason as in
 * kws_thumb2.h. Reads up to two words behind the last line. */
__attribute__((naked, noinline)) static void kws_lines(kws_job *job __attribute__((unused))) {
    __asm__("push {r4-r11, lr}\n\t"
            "mov r3, r0\n"
            "0:\n\t"
            "ldr r0, [r3, #56]\n\t"
            "ldr r2, [r3, #60]\n\t"
            "ldr r12, [r3, #64]\n\t"
            "ldr lr, [r3, #72]\n\t"
            "add r1, r0, r2\n\t"
            "add r2, r2, r1\n\t"
            "str r1, [r3, #56]\n\t"
            "str r12, [r3, #44]\n\t"
            "str lr, [r3, #48]\n\t"
            "cmp lr, #1\n\t"
            "beq.w 3f\n"
            "1:\n\t" /* clang-format off */
            ROW("r0", "0", "4", "ldr r9, [r3, #24]\n\t", "r9", "r9", "r9", "r9", "r9")
            NEXT_ROW("r1", "8", "12")
            NEXT_ROW("r2", "16", "20")
            CONSTANTS
            FINISH("r4") FINISH("r5") FINISH("r6") FINISH("r7") FINISH("r8") FINISH("r9")
            "ldr r10, [r3, #44]\n\t"
            "ldr r11, [r3, #40]\n\t"
            "ldr r12, [r3, #48]\n\t"
            "strb r4, [r10]\n\t"
            "strb r5, [r10, r11]\n\t"
            "add r10, r10, r11, lsl #1\n\t"
            "subs r12, r12, #6\n\t"
            "blo 2f\n\t"
            "strb r6, [r10]\n\t"
            "strb r7, [r10, r11]\n\t"
            "add r10, r10, r11, lsl #1\n\t"
            "strb r8, [r10]\n\t"
            "strb r9, [r10, r11]\n\t"
            "add r10, r10, r11, lsl #1\n\t"
            "str r10, [r3, #44]\n\t"
            "str r12, [r3, #48]\n\t"
            "cmp r12, #1\n\t"
            "bhi.w 1b\n\t"
            "beq 3f\n\t"
            "b 4f\n"
            "2:\n\t" /* two to five were left */
            "adds r12, r12, #3\n\t"
            "bmi 4f\n\t"
            "strb r6, [r10]\n\t"
            "beq 4f\n\t"
            "strb r7, [r10, r11]\n\t"
            "cmp r12, #2\n\t"
            "bne 4f\n\t"
            "strb r8, [r10, r11, lsl #1]\n\t"
            "b 4f\n"
            "3:\n\t" /* one is left */
            "ldr r4, [r3, #24]\n\t"
            ROW_OF_ONE("r0", "0", "4") ROW_OF_ONE("r1", "8", "12") ROW_OF_ONE("r2", "16", "20")
            CONSTANTS
            "ldr r5, [r3, #44]\n\t"
            FINISH("r4")
            "strb r4, [r5]\n"
            "4:\n\t"
            "ldr lr, [r3, #52]\n\t"
            "ldr r12, [r3, #64]\n\t"
            "ldr r11, [r3, #68]\n\t"
            "subs lr, lr, #1\n\t"
            "add r12, r12, r11\n\t"
            "str lr, [r3, #52]\n\t"
            "str r12, [r3, #64]\n\t"
            "bne.w 0b\n\t"
            "pop {r4-r11, pc}"); /* clang-format on */
}

/* t0 and t1, t1 and t2 of each line of taps, which are rows or columns of the window. */
static inline void kws_set_taps(uint32_t taps[6], const int8_t *weights, int rows) {
    const kws_nine_taps n = kws_nine_taps_of(weights);
    if (rows) {
        kws_row_taps(&n, taps);
        return;
    }
    taps[0] = kws_lower_halves(n.t02, n.t35);
    taps[1] = kws_lower_halves(n.t35, n.t68);
    taps[2] = kws_lower_halves(n.t13, n.t46);
    taps[3] = kws_both_halves(n.t46, n.t57);
    taps[4] = kws_upper_halves(n.t02, n.t35);
    taps[5] = kws_upper_halves(n.t35, n.t68);
}

/* One channel; `job` knows the plane. */
static void kws_channel(kws_job *job, const kws_plane *plane, const kws_requant *q, uint32_t channel,
                        const int8_t *weights, const int16_t *padded, int8_t *output) {
    const kws_scale scale = kws_scale_of(q, channel);
    kws_set_taps(job->taps, weights, plane->tap_minor_step == 1);
    job->bias = scale.doubled;
    job->multiplier = scale.multiplier;
    job->round = scale.round;
    job->shift = scale.shift;
    job->lines = plane->out_major;
    job->x = padded;
    job->first = output;
    kws_lines(job);
}
#elif KWS_LINES
/* The same for cores without SMLAD: doubled taps as words, four outputs at a time by MLA. */
typedef struct {
    int32_t taps[9];                  /* 0 */
    int32_t bias;                     /* 36 */
    int32_t multiplier, round, shift; /* 40, 44, 48 */
    int32_t step;                     /* 52 */
    int8_t *output;                   /* 56 */
    int32_t left;                     /* 60 */
    int32_t lines;                    /* 64 */
    const int16_t *x;                 /* 68 */
    int32_t pitch;                    /* 72 */
    int8_t *first;                    /* 76 */
    int32_t major;                    /* 80 */
    int32_t count;                    /* 84 */
} kws_job;
KWS_CHECK_OFFSET(kws_job, bias, 36);
KWS_CHECK_OFFSET(kws_job, multiplier, 40);
KWS_CHECK_OFFSET(kws_job, round, 44);
KWS_CHECK_OFFSET(kws_job, shift, 48);
KWS_CHECK_OFFSET(kws_job, step, 52);
KWS_CHECK_OFFSET(kws_job, output, 56);
KWS_CHECK_OFFSET(kws_job, left, 60);
KWS_CHECK_OFFSET(kws_job, lines, 64);
KWS_CHECK_OFFSET(kws_job, x, 68);
KWS_CHECK_OFFSET(kws_job, pitch, 72);
KWS_CHECK_OFFSET(kws_job, first, 76);
KWS_CHECK_OFFSET(kws_job, major, 80);
KWS_CHECK_OFFSET(kws_job, count, 84);

/* A row of the window at r0 under four outputs r4-r7; r8-r10 hold the taps, r11, r12 and lr the inputs. */
#define ROW(t0, t1, t2)          \
    "ldrsh r11, [r0]\n\t"        \
    "ldrsh r12, [r0, #2]\n\t"    \
    "ldrsh lr, [r0, #4]\n\t"     \
    "ldr r8, [r3, #" t0 "]\n\t"  \
    "ldr r9, [r3, #" t1 "]\n\t"  \
    "ldr r10, [r3, #" t2 "]\n\t" \
    "mla r4, r11, r8, r4\n\t"    \
    "mla r4, r12, r9, r4\n\t"    \
    "mla r4, lr, r10, r4\n\t"    \
    "mla r5, r12, r8, r5\n\t"    \
    "mla r5, lr, r9, r5\n\t"     \
    "mla r6, lr, r8, r6\n\t"     \
    "ldrsh r11, [r0, #6]\n\t"    \
    "ldrsh r12, [r0, #8]\n\t"    \
    "ldrsh lr, [r0, #10]\n\t"    \
    "mla r5, r11, r10, r5\n\t"   \
    "mla r6, r11, r9, r6\n\t"    \
    "mla r7, r11, r8, r7\n\t"    \
    "mla r6, r12, r10, r6\n\t"   \
    "mla r7, r12, r9, r7\n\t"    \
    "mla r7, lr, r10, r7\n\t"    \
    "add r0, r0, r1\n\t"
#define FINISH(x)                          \
    "smull lr, " x ", " x ", r8\n\t"       \
    "add " x ", " x ", lr, lsr #31\n\t"    \
    "add " x ", " x ", " x ", asr #31\n\t" \
    "add " x ", " x ", r9\n\t"             \
    "asr " x ", " x ", r10\n\t"            \
    "ssat " x ", #8, " x "\n\t"

/* Every line of the padded plane; reads up to two words behind the last. */
__attribute__((naked, noinline)) static void kws_lines(kws_job *job __attribute__((unused))) {
    __asm__("push {r4-r11, lr}\n\t"
            "mov r3, r0\n"
            "0:\n\t"
            "ldr r2, [r3, #68]\n\t"
            "ldr r1, [r3, #72]\n\t"
            "ldr r12, [r3, #76]\n\t"
            "ldr lr, [r3, #84]\n\t"
            "add r0, r2, r1\n\t"
            "str r0, [r3, #68]\n\t"
            "str r12, [r3, #56]\n\t"
            "str lr, [r3, #60]\n"
            "1:\n\t" /* clang-format off */
            "ldr r4, [r3, #36]\n\t"
            "mov r0, r2\n\t"
            "mov r5, r4\n\t"
            "mov r6, r4\n\t"
            "mov r7, r4\n\t"
            ROW("0", "4", "8") ROW("12", "16", "20") ROW("24", "28", "32")
            "ldr r8, [r3, #40]\n\t"
            "ldr r9, [r3, #44]\n\t"
            "ldr r10, [r3, #48]\n\t"
            FINISH("r4") FINISH("r5") FINISH("r6") FINISH("r7")
            "ldr r11, [r3, #56]\n\t"
            "ldr r12, [r3, #52]\n\t"
            "ldr lr, [r3, #60]\n\t"
            "strb r4, [r11]\n\t"
            "subs lr, lr, #1\n\t"
            "beq 2f\n\t"
            "strb r5, [r11, r12]\n\t"
            "subs lr, lr, #1\n\t"
            "beq 2f\n\t"
            "add r11, r11, r12, lsl #1\n\t"
            "strb r6, [r11]\n\t"
            "subs lr, lr, #1\n\t"
            "beq 2f\n\t"
            "strb r7, [r11, r12]\n\t"
            "add r11, r11, r12, lsl #1\n\t"
            "subs lr, lr, #1\n\t"
            "str r11, [r3, #56]\n\t"
            "str lr, [r3, #60]\n\t"
            "add r2, r2, #8\n\t"
            "bne.w 1b\n"
            "2:\n\t"
            "ldr lr, [r3, #64]\n\t"
            "ldr r12, [r3, #76]\n\t"
            "ldr r11, [r3, #80]\n\t"
            "subs lr, lr, #1\n\t"
            "add r12, r12, r11\n\t"
            "str lr, [r3, #64]\n\t"
            "str r12, [r3, #76]\n\t"
            "bne.w 0b\n\t"
            "pop {r4-r11, pc}"); /* clang-format on */
}

/* One channel; `job` knows the plane. */
static void kws_channel(kws_job *job, const kws_plane *plane, const kws_requant *q, uint32_t channel,
                        const int8_t *weights, const int16_t *padded, int8_t *output) {
    const kws_scale scale = kws_scale_of(q, channel);
    int32_t *tap = job->taps;
    for (int32_t row = 0; row < 3; row++) {
        *tap++ = 2 * weights[0];
        *tap++ = 2 * weights[plane->tap_minor_step];
        *tap++ = 2 * weights[2 * plane->tap_minor_step];
        weights += plane->tap_major_step;
    }
    job->bias = scale.doubled;
    job->multiplier = scale.multiplier;
    job->round = scale.round;
    job->shift = scale.shift;
    job->lines = plane->out_major;
    job->x = padded;
    job->first = output;
    kws_lines(job);
}
#else
static void kws_channel(const kws_plane *plane, const kws_requant *q, uint32_t channel, const int8_t *weights,
                        const int16_t *padded, int8_t *output) {
    const kws_scale scale = kws_scale_of(q, channel);
    int32_t taps[9]; /* in the order of the padded plane */
    for (int32_t i = 0; i < 9; i++) {
        taps[i] = weights[i / 3 * plane->tap_major_step + i % 3 * plane->tap_minor_step];
    }
    for (int32_t a = 0; a < plane->out_major; a++) {
        const int16_t *x0 = padded;
        const int16_t *x1 = x0 + plane->pitch;
        const int16_t *x2 = x1 + plane->pitch;
        int8_t *out = output;
        for (int32_t left = plane->out_minor; left > 0; left--) {
            const int32_t sum = taps[0] * x0[0] + taps[1] * x0[1] + taps[2] * x0[2] + taps[3] * x1[0] +
                                taps[4] * x1[1] + taps[5] * x1[2] + taps[6] * x2[0] + taps[7] * x2[1] + taps[8] * x2[2];
            *out = (int8_t)kws_requantize_saturating(sum, &scale);
            out += plane->out_minor_step;
            x0++;
            x1++;
            x2++;
        }
        padded += plane->pitch;
        output += plane->out_major_step;
    }
}
#endif

/* A 3x3 window with stride and dilation 1, one output channel an input channel and saturating output, as every DS-CNN
 * has them. */
kws_status kws_depthwise_3x3(const kws_depthwise *layer, const int8_t *input, int8_t *output, void *scratch) {
    if (!KWS_DEPTHWISE_HOLDS(layer, input, output) || scratch == NULL || !layer->output.saturating) {
        return KWS_ERROR_ARGUMENT;
    }
#if KWS_MVE
    kws_mve_plan plan;
    if (kws_mve_depthwise_plan(layer, kws_depthwise_3x3_get_buffer_size(layer), &plan)) {
        return kws_mve_depthwise(layer, &plan, input, output, scratch);
    }
#endif
    const kws_window *w = &layer->window;
    kws_plane plane;
    kws_plane_init(&plane, w);
    int16_t *padded = (int16_t *)scratch;
    kws_plane_clear(&plane, w->zero_point, padded);
    int8_t *unpacked = (int8_t *)(padded + plane.major * plane.pitch + 4);
    const uint8_t *code = layer->weights;
#if KWS_LINES
    kws_job job;
    job.step = plane.out_minor_step;
    job.pitch = plane.pitch * (int32_t)sizeof *padded;
    job.major = plane.out_major_step;
    job.count = plane.out_minor;
#endif
    for (uint32_t channel = 0; channel < layer->channels; channel++) {
        const int8_t *weights = kws_next_nine(layer, &code, unpacked);
        kws_plane_load(&plane, input, padded);
#if KWS_LINES
        kws_channel(&job, &plane, &layer->output, channel, weights, padded, output);
#else
        kws_channel(&plane, &layer->output, channel, weights, padded, output);
#endif
        input += w->in_plane;
        output += w->out_plane;
    }
    return KWS_OK;
}
