/* Depthwise convolution with a 3x3 window, stride and dilation 1. */
#include "kws_offsets.h"
#include "kws_plane.h"

#if KWS_DSP
/* What one channel needs; offsets are used by the assembly. Each row of taps t0 t1 t2 is stored as the int16 pairs
 * (t0, t1) and (t1, t2). */
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

/* A row of the window under four outputs a b c d, r4-r7; r8-r10 hold inputs 0 to 5, r11 and r12 the taps. `a0` to `d0`
 * are what is added to. Loads stand together, since those that follow another take one cycle. */
#define ROW(pointer, taps01, taps12, more, a0, b0, c0, d0)                \
    "ldr r8, [" pointer "]\n\t"                                           \
    "ldr r9, [" pointer ", #4]\n\t"                                       \
    "ldr r10, [" pointer ", #8]\n\t"                                      \
    "ldr r11, [r3, #" taps01 "]\n\t"                                      \
    "ldr r12, [r3, #" taps12 "]\n\t" more "smlad r4, r8, r11, " a0 "\n\t" \
    "smlatb r5, r8, r11, " b0 "\n\t"                                      \
    "smlad r6, r9, r11, " c0 "\n\t"                                       \
    "smlatb r7, r9, r11, " d0 "\n\t"                                      \
    "smlabt r4, r9, r12, r4\n\t"                                          \
    "smlad r5, r9, r12, r5\n\t"                                           \
    "smlabt r6, r10, r12, r6\n\t"                                         \
    "smlad r7, r10, r12, r7\n\t"                                          \
    "add " pointer ", " pointer ", #8\n\t"
/* The same under a single output. */
#define ROW_OF_ONE(pointer, taps01, taps12) \
    "ldr r8, [" pointer "]\n\t"             \
    "ldr r9, [" pointer ", #4]\n\t"         \
    "ldr r11, [r3, #" taps01 "]\n\t"        \
    "ldr r12, [r3, #" taps12 "]\n\t"        \
    "smlad r4, r8, r11, r4\n\t"             \
    "smlabt r4, r9, r12, r4\n\t"
#define CONSTANTS            \
    "ldr r8, [r3, #28]\n\t"  \
    "ldr r9, [r3, #32]\n\t"  \
    "ldr r10, [r3, #36]\n\t" \
    "ldr r11, [r3, #40]\n\t" \
    "ldr r12, [r3, #44]\n\t"
/* kws_requantize_plain, the rounding constant added by SMMLAR and the sign taken from the sum: where that is negative
 * and the product rounds to zero, one less changes nothing, since the shift is at least one. */
#define FINISH(x)                       \
    "lsl lr, " x ", #1\n\t"             \
    "smmlar " x ", lr, r8, r9\n\t"      \
    "add " x ", " x ", lr, asr #31\n\t" \
    "asr " x ", " x ", r10\n\t"         \
    "ssat " x ", #8, " x "\n\t"

/* Every line (row or column) of the padded plane, four outputs at a time. Naked for the same reason as in
 * kws_thumb2.h. Reads a word behind the last line. */
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
            "beq 3f\n"
            "1:\n\t" ROW("r0", "0", "4", "ldr lr, [r3, #24]\n\t", "lr", "lr", "lr", "lr")
                ROW("r1", "8", "12", "", "r4", "r5", "r6", "r7") ROW("r2", "16", "20", "", "r4", "r5", "r6", "r7")
                    CONSTANTS FINISH("r4") FINISH("r5") FINISH("r6")
                        FINISH("r7") "ldr lr, [r3, #48]\n\t"
                                     "strb r4, [r12]\n\t"
                                     "strb r5, [r12, r11]\n\t"
                                     "add r12, r12, r11, lsl #1\n\t"
                                     "subs lr, lr, #4\n\t"
                                     "blo 2f\n\t"
                                     "strb r6, [r12]\n\t"
                                     "strb r7, [r12, r11]\n\t"
                                     "add r12, r12, r11, lsl #1\n\t"
                                     "str r12, [r3, #44]\n\t"
                                     "str lr, [r3, #48]\n\t"
                                     "cmp lr, #1\n\t"
                                     "bhi 1b\n\t"
                                     "beq 3f\n\t"
                                     "b 4f\n"
                                     "2:\n\t" /* two or three were left */
                                     "adds lr, lr, #1\n\t"
                                     "bne 4f\n\t"
                                     "strb r6, [r12]\n\t"
                                     "b 4f\n"
                                     "3:\n\t" /* one is left */
                                     "ldr r4, [r3, #24]\n\t" ROW_OF_ONE("r0", "0", "4") ROW_OF_ONE("r1", "8", "12")
                                         ROW_OF_ONE("r2", "16", "20") CONSTANTS FINISH("r4") "strb r4, [r12]\n"
                                                                                             "4:\n\t"
                                                                                             "ldr lr, [r3, #52]\n\t"
                                                                                             "ldr r12, [r3, #64]\n\t"
                                                                                             "ldr r11, [r3, #68]\n\t"
                                                                                             "subs lr, lr, #1\n\t"
                                                                                             "add r12, r12, r11\n\t"
                                                                                             "str lr, [r3, #52]\n\t"
                                                                                             "str r12, [r3, #64]\n\t"
                                                                                             "bne.w 0b\n\t"
                                                                                             "pop {r4-r11, pc}");
}

static uint32_t kws_pack(int32_t low, int32_t high) {
    return ((uint32_t)low & 0xffffu) | ((uint32_t)high << 16);
}

static void kws_channel(const kws_plane *plane, const kws_scale *scale, const int32_t taps[9], const int16_t *padded,
                        int8_t *output) {
    kws_job job;
    for (int32_t row = 0; row < 3; row++) {
        job.taps[2 * row] = kws_pack(taps[3 * row], taps[3 * row + 1]);
        job.taps[2 * row + 1] = kws_pack(taps[3 * row + 1], taps[3 * row + 2]);
    }
    job.bias = scale->bias;
    job.multiplier = scale->multiplier;
    job.round = scale->round;
    job.shift = scale->shift;
    job.step = plane->out_minor_step;
    job.lines = plane->out_major;
    job.x = padded;
    job.pitch = plane->pitch * (int32_t)sizeof *padded;
    job.first = output;
    job.major = plane->out_major_step;
    job.count = plane->out_minor;
    kws_lines(&job);
}
#endif

static void kws_channel_any(const kws_plane *plane, const kws_scale *scale, const kws_requant *q, const int32_t taps[9],
                            const int16_t *padded, int8_t *output) {
    for (int32_t a = 0; a < plane->out_major; a++) {
        const int16_t *x0 = padded;
        const int16_t *x1 = x0 + plane->pitch;
        const int16_t *x2 = x1 + plane->pitch;
        int8_t *out = output;
        for (int32_t left = plane->out_minor; left > 0; left--) {
            const int32_t sum = taps[0] * x0[0] + taps[1] * x0[1] + taps[2] * x0[2] + taps[3] * x1[0] +
                                taps[4] * x1[1] + taps[5] * x1[2] + taps[6] * x2[0] + taps[7] * x2[1] + taps[8] * x2[2];
            *out = kws_requantize(sum, scale, q);
            out += plane->out_minor_step;
            x0++;
            x1++;
            x2++;
        }
        padded += plane->pitch;
        output += plane->out_major_step;
    }
}

/* A 3x3 window with stride and dilation 1 and one output channel an input channel, as every DS-CNN has them. */
kws_status kws_depthwise_3x3(const kws_depthwise *layer, const int8_t *input, int8_t *output, void *scratch) {
    if (layer == NULL || input == NULL || output == NULL || scratch == NULL) {
        return KWS_ERROR_ARGUMENT;
    }
    const kws_window *w = &layer->window;
    kws_plane plane;
    kws_plane_init(&plane, w);
    int16_t *padded = (int16_t *)scratch;
    kws_plane_clear(&plane, w->zero_point, padded);
    int8_t *unpacked = (int8_t *)(padded + plane.major * plane.pitch + 2);
    const uint8_t *code = layer->weights;
    for (uint32_t channel = 0; channel < layer->channels; channel++) {
        const kws_scale scale = kws_scale_of(&layer->output, channel);
        const int8_t *weights = kws_depthwise_taps(layer, &code, unpacked);
        int32_t taps[9]; /* in the order of the padded plane */
        for (int32_t i = 0; i < 9; i++) {
            taps[i] = weights[i / 3 * plane.tap_major_step + i % 3 * plane.tap_minor_step];
        }
        kws_plane_load(&plane, input, padded);
#if KWS_DSP
        if (layer->output.plain) {
            kws_channel(&plane, &scale, taps, padded, output);
        } else {
            kws_channel_any(&plane, &scale, &layer->output, taps, padded, output);
        }
#else
        kws_channel_any(&plane, &scale, &layer->output, taps, padded, output);
#endif
        input += w->in_plane;
        output += w->out_plane;
    }
    return KWS_OK;
}
