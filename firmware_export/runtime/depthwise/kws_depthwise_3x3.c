/* Depthwise convolution with a 3x3 window, stride and dilation 1. */
#include "kws_offsets.h"
#include "kws_plane.h"

#if KWS_DSP
/* What one channel needs; offsets are used by the assembly. Each row of taps t0 t1 t2 is stored as the int16 pairs
 * (t0, t1) and (t1, t2). */
typedef struct {
    uint32_t taps[6];   /* 0 */
    int32_t doubled;    /* 24: twice the bias */
    int32_t step;       /* 28: from one output to the next */
    int32_t multiplier; /* 32 */
    int32_t round;      /* 36 */
    int32_t shift;      /* 40 */
    const int16_t *end; /* 44: of the first row, where pairs of outputs end */
    uint32_t odd;       /* 48: one more output, without a partner, follows */
} kws_job;
KWS_CHECK_OFFSET(kws_job, taps, 0);
KWS_CHECK_OFFSET(kws_job, doubled, 24);
KWS_CHECK_OFFSET(kws_job, step, 28);
KWS_CHECK_OFFSET(kws_job, multiplier, 32);
KWS_CHECK_OFFSET(kws_job, round, 36);
KWS_CHECK_OFFSET(kws_job, shift, 40);
KWS_CHECK_OFFSET(kws_job, end, 44);
KWS_CHECK_OFFSET(kws_job, odd, 48);

/* One row of three taps for outputs x and x + 1: r7 holds inputs 0 and 1, r8 holds 2 and 3. */
#define KWS_LOAD(pointer, offset) "ldrd r9, r10, [r3, #" offset "]\n\tldrd r7, r8, [" pointer "], #4\n\t"
#define KWS_FIRST_ROW "smuad r5, r7, r9\n\tsmlabt r5, r8, r10, r5\n\tsmultb r6, r7, r9\n\tsmlad r6, r8, r10, r6\n\t"
#define KWS_NEXT_ROW \
    "smlad r5, r7, r9, r5\n\tsmlabt r5, r8, r10, r5\n\tsmlatb r6, r7, r9, r6\n\tsmlad r6, r8, r10, r6\n\t"
#define KWS_FINISH(x)                      \
    "add " x ", r7, " x ", lsl #1\n\t"     \
    "smmulr " x ", " x ", r11\n\t"         \
    "add " x ", " x ", " x ", asr #31\n\t" \
    "add " x ", " x ", r12\n\t"            \
    "asr " x ", " x ", lr\n\t"             \
    "ssat " x ", #8, " x "\n\t"

/* Outputs along one row (or column) of the padded plane, two at a time; a last one alone has its partner's result
 * written over. Naked for the same reason as in kws_thumb2.h. */
__attribute__((naked, noinline)) static void kws_line(const int16_t *x __attribute__((unused)),
                                                      uint32_t pitch_bytes __attribute__((unused)),
                                                      int8_t *output __attribute__((unused)),
                                                      kws_job *job __attribute__((unused))) {
    __asm__("push {r4-r11, lr}\n\t"
            "mov r4, r2\n\t"
            "add r2, r0, r1, lsl #1\n\t"
            "add r1, r0, r1\n\t"
            "ldr r11, [r3, #32]\n\t"
            "ldrd r12, lr, [r3, #36]\n\t"
            "b 2f\n"
            "1:\n\t" KWS_LOAD("r0", "0") KWS_FIRST_ROW KWS_LOAD("r1", "8") KWS_NEXT_ROW KWS_LOAD("r2", "16")
                KWS_NEXT_ROW "ldrd r7, r8, [r3, #24]\n\t" KWS_FINISH("r5") KWS_FINISH("r6") "strb r6, [r4, r8]\n\t"
                                                                                            "strb r5, [r4]\n\t"
                                                                                            "add r4, r4, r8, lsl #1\n"
                                                                                            "2:\n\t"
                                                                                            "ldr r7, [r3, #44]\n\t"
                                                                                            "cmp r0, r7\n\t"
                                                                                            "blo 1b\n\t"
                                                                                            "bne 3f\n\t"
                                                                                            "ldr r8, [r3, #48]\n\t"
                                                                                            "cmp r8, #0\n\t"
                                                                                            "beq 3f\n\t"
                                                                                            "mov r8, #0\n\t"
                                                                                            "str r8, [r3, #28]\n\t"
                                                                                            "b 1b\n"
                                                                                            "3:\n\t"
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
    job.doubled = scale->doubled;
    job.multiplier = scale->multiplier;
    job.round = scale->round;
    job.shift = scale->shift;
    job.odd = (uint32_t)plane->out_minor & 1u;
    for (int32_t a = 0; a < plane->out_major; a++) {
        job.step = plane->out_minor_step;
        job.end = padded + (plane->out_minor & ~1);
        kws_line(padded, (uint32_t)plane->pitch * sizeof *padded, output, &job);
        padded += plane->pitch;
        output += plane->out_major_step;
    }
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
    int8_t *unpacked = (int8_t *)(padded + plane.major * plane.pitch);
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
