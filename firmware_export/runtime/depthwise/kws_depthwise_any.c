/* Depthwise convolution with any window. */
#include <string.h>

#include "kws_mve_lines.h"
#include "kws_offsets.h"
#include "kws_plane.h"

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

/* Four outputs, `stride` inputs apart, by pairs of taps along the line; a last tap without another stands beside zero.
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

#if defined(__thumb2__)
/* A line under a 3x3 window. Taps are doubled, two words a row; `pitch`, `back` (to the next output from the last row)
 * are bytes. */
typedef struct {
    int32_t pitch, back;              /* 0, 4 */
    uint32_t taps[6];                 /* 8 */
    int32_t multiplier, round, shift; /* 32, 36, 40 */
    int32_t doubled;                  /* 44: twice the bias */
    int32_t step;                     /* 48: from one output to the next */
} kws_line_job;
KWS_CHECK_OFFSET(kws_line_job, pitch, 0);
KWS_CHECK_OFFSET(kws_line_job, taps, 8);
KWS_CHECK_OFFSET(kws_line_job, multiplier, 32);
KWS_CHECK_OFFSET(kws_line_job, step, 48);

#define ROW(first, second, next)         \
    "ldr r11, [r0]\n\t"                  \
    "ldr r12, [r0, #4]\n\t"              \
    "add r0, r0, " next "\n\t"           \
    "smlad r10, r11, " first ", r10\n\t" \
    "smlad r10, r12, " second ", r10\n\t"
/* Requantised as in kws_depthwise_3x3.c. */
__attribute__((naked, noinline)) static void kws_line_3x3(const int16_t *x __attribute__((unused)),
                                                          int8_t *output __attribute__((unused)),
                                                          const kws_line_job *job __attribute__((unused)),
                                                          int32_t count __attribute__((unused))) {
    __asm__("push {r4-r11, lr}\n\t"
            "add r12, r2, #32\n\t"
            "ldm r12, {r4-r8}\n\t"
            "push {r4-r8}\n\t"
            "mov lr, r3\n\t"
            "ldm r2, {r2-r9}\n"
            "1:\n\t"
            "ldr r10, [sp, #12]\n\t" ROW("r4", "r5", "r2") ROW("r6", "r7", "r2")
                ROW("r8", "r9", "r3") "ldrd r11, r12, [sp]\n\t"
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
                                      "add sp, sp, #20\n\t"
                                      "pop {r4-r11, pc}");
}

/* Every line of a channel whose output is plain. */
static void kws_lines_3x3(const kws_plane *p, const kws_requant *q, uint32_t channel, const int16_t *taps,
                          const int16_t *padded, int8_t *output) {
    const kws_scale scale = kws_scale_of(q, channel);
    kws_line_job job;
    for (int32_t i = 0; i < 6; i++) {
        const uint32_t two = kws_two_of(taps + 2 * i);
        __asm__("sadd16 %0, %1, %1" : "=r"(job.taps[i]) : "r"(two));
    }
    job.pitch = 2 * p->pitch;
    job.back = 2 * p->stride_minor - 2 * job.pitch;
    job.multiplier = scale.multiplier;
    job.round = scale.round;
    job.shift = scale.shift;
    job.doubled = scale.doubled;
    job.step = p->out_minor_step;
    for (int32_t a = p->out_major; a > 0; a--) {
        kws_line_3x3(padded, output, &job, p->out_minor);
        padded += p->stride_major * p->pitch;
        output += p->out_major_step;
    }
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

/* Strides of one and two and the 3x3 window are laid out, all others loop. */
static void kws_one_channel(const kws_plane *p, const kws_requant *q, uint32_t channel, const int16_t *taps,
                            const int16_t *padded, int8_t *output) {
#if KWS_DSP
    const int32_t pairs = (p->taps_minor + 1) / 2;
#if defined(__thumb2__)
    if (p->taps_major == 3 && p->taps_minor == 3 && p->dilation_major == 1 && p->dilation_minor == 1 && q->plain) {
        kws_lines_3x3(p, q, channel, taps, padded, output);
        return;
    }
#endif
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

/* Any window, stride, dilation and channel multiplier. The taps of one channel, widened and each row of them even,
 * follow the padded plane. */
kws_status kws_depthwise_any(const kws_depthwise *layer, const int8_t *input, int8_t *output, void *scratch) {
    if (layer == NULL || input == NULL || output == NULL || scratch == NULL) {
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
    const int32_t odd = plane.taps_minor & 1;
    int8_t *unpacked = (int8_t *)(taps + plane.taps_major * (plane.taps_minor + odd));
    const uint8_t *code = layer->weights;
    uint32_t channel = 0;
    for (uint32_t c = 0; c < layer->channels; c++) {
        kws_plane_load(&plane, input, padded);
        for (uint32_t m = 0; m < layer->multiplier; m++) {
            const int8_t *weights = kws_depthwise_taps(layer, &code, unpacked);
            int16_t *tap = taps;
            for (int32_t a = 0; a < plane.taps_major; a++) {
                for (int32_t b = 0; b < plane.taps_minor; b++) {
                    *tap++ = weights[a * plane.tap_major_step + b * plane.tap_minor_step];
                }
                if (odd) {
                    *tap++ = 0;
                }
            }
            kws_one_channel(&plane, &layer->output, channel, taps, padded, output);
            output += w->out_plane;
            channel++;
        }
        input += w->in_plane;
    }
    return KWS_OK;
}
