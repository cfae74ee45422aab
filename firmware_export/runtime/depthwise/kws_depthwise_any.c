/* Depthwise convolution with any window. */
#include <string.h>

#include "kws_depthwise_holds.h"
#include "kws_mve_lines.h"
#include "kws_nine_taps.h"
#include "kws_offsets.h"
#include "kws_plane.h"

#if KWS_DSP && defined(__thumb2__)
#define KWS_STRIDED 1 /* 3x3 windows in assembly */
#else
#define KWS_STRIDED 0
#endif

/* A compiler that does not inline these keeps one version with all widths in it, at several times the cost. */
#if defined(__GNUC__)
#define KWS_LAID_OUT static inline __attribute__((always_inline))
#else
#define KWS_LAID_OUT static inline
#endif

#if KWS_DSP
KWS_LAID_OUT uint32_t kws_two_of(const int16_t *x) {
    uint32_t two;
    memcpy(&two, x, 4);
    return two;
}

KWS_LAID_OUT int32_t kws_two_taps(uint32_t taps, const int16_t *x, int32_t sum) {
    __asm__("smlad %0, %1, %2, %0" : "+r"(sum) : "r"(taps), "r"(kws_two_of(x)));
    return sum;
}

/* Four outputs, `stride` inputs apart, by pairs of taps along the line; a last tap without another is beside zero.
 */
KWS_LAID_OUT void kws_four_sums(const kws_plane *p, const int16_t *taps, const int16_t *x, int32_t pairs,
                                int32_t stride, int32_t sums[4]) {
    int32_t a = 0, b = 0, c = 0, d = 0;
    const int32_t down = p->dilation_major * p->pitch - 2 * pairs;
    for (int32_t rows = p->taps_major; rows > 0; rows--) {
        for (int32_t left = pairs; left > 0; left--) {
            const uint32_t two = kws_two_of(taps);
            a = kws_two_taps(two, x, a);
            b = kws_two_taps(two, x + stride, b);
            c = kws_two_taps(two, x + 2 * stride, c);
            d = kws_two_taps(two, x + 3 * stride, d);
            taps += 2;
            x += 2;
        }
        x += down;
    }
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
    sums[3] = d;
}

static int32_t kws_one_sum(const kws_plane *p, const int16_t *taps, const int16_t *x, int32_t pairs) {
    const int32_t down = p->dilation_major * p->pitch - 2 * pairs;
    int32_t sum = 0;
    for (int32_t rows = p->taps_major; rows > 0; rows--) {
        for (int32_t left = pairs; left > 0; left--) {
            sum = kws_two_taps(kws_two_of(taps), x, sum);
            taps += 2;
            x += 2;
        }
        x += down;
    }
    return sum;
}

#if KWS_STRIDED
/* The lines of a channel under a 3x3 window. Taps are doubled pairs, two words a line; distances are bytes. */
typedef struct {
    int32_t pitch, back;              /* 0, 4: from one line to the next, from the last line to the next output */
    uint32_t taps[6];                 /* 8 */
    int32_t multiplier, round, shift; /* 32, 36, 40 */
    int32_t doubled;                  /* 44: twice the bias */
    int32_t step;                     /* 48: from one output to the next */
    int32_t count, next, major;       /* 52: outputs of a line, to the next line's inputs, 60: and outputs */
} kws_lines_job;
KWS_CHECK_OFFSET(kws_lines_job, pitch, 0);
KWS_CHECK_OFFSET(kws_lines_job, back, 4);
KWS_CHECK_OFFSET(kws_lines_job, taps, 8);
KWS_CHECK_OFFSET(kws_lines_job, multiplier, 32);
KWS_CHECK_OFFSET(kws_lines_job, round, 36);
KWS_CHECK_OFFSET(kws_lines_job, shift, 40);
KWS_CHECK_OFFSET(kws_lines_job, doubled, 44);
KWS_CHECK_OFFSET(kws_lines_job, step, 48);
KWS_CHECK_OFFSET(kws_lines_job, count, 52);
KWS_CHECK_OFFSET(kws_lines_job, next, 56);
KWS_CHECK_OFFSET(kws_lines_job, major, 60);

#define ROW(first, second, next)         \
    "ldr r11, [r0]\n\t"                  \
    "ldr r12, [r0, #4]\n\t"              \
    "add r0, r0, " next "\n\t"           \
    "smlad r10, r11, " first ", r10\n\t" \
    "smlad r10, r12, " second ", r10\n\t"
/* Requantised as in kws_depthwise_3x3.c. At sp: multiplier, round, shift, bias, step, count, next, major, then x,
 * output and the lines that are left. */
__attribute__((naked, noinline)) static void kws_strided(const int16_t *x __attribute__((unused)),
                                                         int8_t *output __attribute__((unused)),
                                                         const kws_lines_job *job __attribute__((unused)),
                                                         int32_t lines __attribute__((unused))) {
    __asm__("push {r0, r1, r3, r4-r11, lr}\n\t"
            "add r12, r2, #32\n\t"
            "ldm r12, {r4-r11}\n\t"
            "push {r4-r11}\n\t"
            "mov lr, r9\n\t"
            "ldm r2, {r2-r9}\n"
            "1:\n\t"
            "ldr r10, [sp, #12]\n\t" ROW("r4", "r5", "r2") ROW("r6", "r7", "r2") ROW(
                "r8", "r9", "r3") "ldrd r11, r12, [sp]\n\t"
                                  "smmlar r11, r10, r11, r12\n\t"
                                  "ldr r12, [sp, #8]\n\t"
                                  "add r10, r11, r10, asr #31\n\t"
                                  "ldr r11, [sp, #16]\n\t"
                                  "asr r10, r10, r12\n\t"
                                  "ssat r10, #8, r10\n\t"
                                  "strb r10, [r1]\n\t"
                                  "add r1, r1, r11\n\t"
                                  "subs lr, lr, #1\n\t"
                                  "bne 1b\n\t"
                                  "add r12, sp, #20\n\t"
                                  "ldm r12, {r0, r1, r10, r11, r12, lr}\n\t" /* count, next, major, x, output, lines */
                                  "subs lr, lr, #1\n\t"
                                  "beq 2f\n\t"
                                  "str lr, [sp, #40]\n\t"
                                  "mov lr, r0\n\t"
                                  "add r0, r11, r1\n\t"
                                  "add r1, r12, r10\n\t"
                                  "strd r0, r1, [sp, #32]\n\t"
                                  "b 1b\n"
                                  "2:\n\t"
                                  "add sp, sp, #44\n\t"
                                  "pop {r4-r11, pc}");
}

/* What is the same for every channel. */
static void kws_lines_set(kws_lines_job *job, const kws_plane *p) {
    job->pitch = 2 * p->pitch;
    job->back = 2 * p->stride_minor - 2 * job->pitch;
    job->step = p->out_minor_step;
    job->count = p->out_minor;
    job->next = 2 * p->stride_major * p->pitch;
    job->major = p->out_major_step;
}

/* Every line of a channel whose output saturates. */
static void kws_three_by_three(kws_lines_job *job, const kws_plane *p, const kws_requant *q, uint32_t channel,
                               const int8_t *weights, const int16_t *padded, int8_t *output) {
    const kws_nine_taps n = kws_nine_taps_of(weights);
    if (p->tap_minor_step == 1) {
        job->taps[0] = kws_lower_halves(n.t02, n.t13);
        job->taps[1] = n.t02 >> 16;
        job->taps[2] = kws_lower_halves(n.t35, n.t46);
        job->taps[3] = n.t35 >> 16;
        job->taps[4] = kws_both_halves(n.t68, n.t57);
        job->taps[5] = n.t68 >> 16;
    } else {
        job->taps[0] = kws_lower_halves(n.t02, n.t35);
        job->taps[1] = n.t68 & 0xffffu;
        job->taps[2] = kws_lower_halves(n.t13, n.t46);
        job->taps[3] = n.t57 >> 16;
        job->taps[4] = kws_upper_halves(n.t02, n.t35);
        job->taps[5] = n.t68 >> 16;
    }
    job->multiplier = q->multiplier[channel];
    job->shift = -q->shift[channel];
    job->round = (int32_t)((uint32_t)(2 * q->zero_point + 1) << (job->shift - 1));
    job->doubled = 2 * q->bias[channel];
    kws_strided(padded, output, job, p->out_major);
}
#endif

/* Every output of one channel; the last four of a line may be computed twice. */
KWS_LAID_OUT void kws_lines_of_fours(const kws_plane *p, const kws_requant *q, uint32_t channel, const int16_t *taps,
                                     const int16_t *padded, int8_t *output, int32_t pairs, int32_t stride) {
    const kws_scale scale = kws_scale_of(q, channel);
    const int32_t step = p->out_minor_step, count = p->out_minor;
    for (int32_t a = 0; a < p->out_major; a++) {
        const int16_t *line = padded + a * p->stride_major * p->pitch;
        int8_t *out = output + a * p->out_major_step;
        for (int32_t b = 0; b < count; b += 4) {
            if (count < 4) {
                for (; b < count; b++) {
                    out[b * step] = kws_requantize(kws_one_sum(p, taps, line + b * stride, pairs), &scale, q);
                }
                break;
            }
            int32_t sums[4];
            b = b > count - 4 ? count - 4 : b;
            kws_four_sums(p, taps, line + b * stride, pairs, stride, sums);
            int8_t *to = out + b * step;
            for (int32_t i = 0; i < 4; i++) {
                *to = kws_requantize(sums[i], &scale, q);
                to += step;
            }
        }
    }
}
#endif

/* A row of taps; where `width` is a constant of at most nine, no loop is left. */
KWS_LAID_OUT int32_t kws_tap_row(const int16_t *taps, const int16_t *x, int32_t sum, int32_t width, int32_t spacing) {
    for (int32_t b = 0; b < width; b++) {
        sum += taps[b] * *x;
        x += spacing;
    }
    return sum;
}

/* One output. */
KWS_LAID_OUT int32_t kws_taps(const kws_plane *p, const int16_t *taps, const int16_t *x, int32_t width,
                              int32_t spacing) {
    int32_t sum = 0;
    const int32_t down = p->dilation_major * p->pitch;
    for (int32_t a = p->taps_major; a > 0; a--) {
        sum = kws_tap_row(taps, x, sum, width, spacing);
        taps += (width + 1) & ~1;
        x += down;
    }
    return sum;
}

/* Every output of one channel. */
KWS_LAID_OUT void kws_outputs(const kws_plane *p, const kws_requant *q, uint32_t channel, const int16_t *taps,
                              const int16_t *padded, int8_t *output, int32_t width, int32_t spacing) {
    const kws_scale scale = kws_scale_of(q, channel);
    const int32_t step = p->out_minor_step, stride = p->stride_minor;
    for (int32_t a = 0; a < p->out_major; a++) {
        const int16_t *x = padded + a * p->stride_major * p->pitch;
        int8_t *out = output + a * p->out_major_step;
        for (int32_t b = p->out_minor; b > 0; b--) {
            *out = kws_requantize(kws_taps(p, taps, x, width, spacing), &scale, q);
            out += step;
            x += stride;
        }
    }
}

/* Strides of one and two are laid out, all others loop. */
static void kws_one_channel(const kws_plane *p, const kws_requant *q, uint32_t channel, const int16_t *taps,
                            const int16_t *padded, int8_t *output) {
#if KWS_DSP
    const int32_t pairs = (p->taps_minor + 1) / 2;
    if (p->dilation_minor == 1 && p->stride_minor == 2) {
        kws_lines_of_fours(p, q, channel, taps, padded, output, pairs, 2);
        return;
    }
    if (p->dilation_minor == 1 && p->stride_minor == 1) {
        kws_lines_of_fours(p, q, channel, taps, padded, output, pairs, 1);
        return;
    }
#else
    if (p->dilation_minor == 1 && p->taps_minor == 3) {
        kws_outputs(p, q, channel, taps, padded, output, 3, 1);
        return;
    }
#endif
    kws_outputs(p, q, channel, taps, padded, output, p->taps_minor, p->dilation_minor);
}

/* The taps in the order of the padded plane, a zero behind each line of an odd number. */
static void kws_widen_taps(const kws_plane *p, const int8_t *weights, int16_t *taps) {
    for (int32_t a = 0; a < p->taps_major; a++) {
        const int8_t *from = weights + a * p->tap_major_step;
        for (int32_t b = 0; b < p->taps_minor; b++) {
            *taps++ = *from;
            from += p->tap_minor_step;
        }
        if ((p->taps_minor & 1) != 0) {
            *taps++ = 0;
        }
    }
}

/* Any window, stride, dilation and channel multiplier. The taps of one channel, widened and each row of them even,
 * follow the padded plane. */
kws_status kws_depthwise_any(const kws_depthwise *layer, const int8_t *input, int8_t *output, void *scratch) {
    if (!KWS_DEPTHWISE_HOLDS(layer, input, output) || scratch == NULL) {
        return KWS_ERROR_ARGUMENT;
    }
#if KWS_MVE
    kws_mve_plan plan;
    if (kws_mve_depthwise_plan(layer, kws_depthwise_any_get_buffer_size(layer), &plan)) {
        return kws_mve_depthwise(layer, &plan, input, output, scratch);
    }
#endif
    const kws_window *w = &layer->window;
    kws_plane plane;
    kws_plane_init(&plane, w);
    int16_t *padded = (int16_t *)scratch;
    int16_t *taps = padded + plane.major * plane.pitch;
    kws_plane_clear(&plane, w->zero_point, padded);
    int8_t *unpacked = (int8_t *)(taps + plane.taps_major * ((plane.taps_minor + 1) & ~1));
#if KWS_STRIDED
    const int three =
        w->height == 3 && w->width == 3 && w->dilation_y == 1 && w->dilation_x == 1 && layer->output.saturating;
    kws_lines_job job;
    kws_lines_set(&job, &plane);
#endif
    const uint8_t *code = layer->weights;
    uint32_t channel = 0;
    for (uint32_t c = 0; c < layer->channels; c++) {
        kws_plane_load(&plane, input, padded);
        for (uint32_t m = 0; m < layer->multiplier; m++) {
#if KWS_STRIDED
            if (three) {
                const int8_t *nine = kws_next_nine(layer, &code, unpacked);
                kws_three_by_three(&job, &plane, &layer->output, channel, nine, padded, output);
                output += w->out_plane;
                channel++;
                continue;
            }
#endif
            kws_widen_taps(&plane, kws_depthwise_taps(layer, &code, unpacked), taps);
            kws_one_channel(&plane, &layer->output, channel, taps, padded, output);
            output += w->out_plane;
            channel++;
        }
        input += w->in_plane;
    }
    return KWS_OK;
}
