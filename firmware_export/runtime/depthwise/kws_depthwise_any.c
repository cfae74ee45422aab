/* Depthwise convolution with any window. */
#include <string.h>

#include "kws_mve_lines.h"
#include "kws_plane.h"

/* A compiler that does not inline these keeps one version with all widths in it, at several times the cost. */
#if defined(__GNUC__)
#define KWS_LAID_OUT static inline __attribute__((always_inline))
#else
#define KWS_LAID_OUT static inline
#endif

/* Two neighbouring taps against two neighbouring inputs. */
KWS_LAID_OUT int32_t kws_two_taps(const int16_t *taps, const int16_t *x, int32_t sum) {
#if KWS_DSP
    uint32_t t, v;
    memcpy(&t, taps, 4);
    memcpy(&v, x, 4);
    __asm__("smlad %0, %1, %2, %0" : "+r"(sum) : "r"(t), "r"(v));
    return sum;
#else
    return sum + taps[0] * x[0] + taps[1] * x[1];
#endif
}

/* A row of taps; where `width` is a constant of at most nine, no loop is left. */
KWS_LAID_OUT int32_t kws_tap_row(const int16_t *taps, const int16_t *x, int32_t sum, int32_t width, int32_t spacing) {
    if (spacing == 1 && width <= 9) {
        sum = width >= 2 ? kws_two_taps(taps, x, sum) : sum;
        sum = width >= 4 ? kws_two_taps(taps + 2, x + 2, sum) : sum;
        sum = width >= 6 ? kws_two_taps(taps + 4, x + 4, sum) : sum;
        sum = width >= 8 ? kws_two_taps(taps + 6, x + 6, sum) : sum;
        return (width & 1) != 0 ? sum + taps[width - 1] * x[width - 1] : sum;
    }
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
        taps += width;
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

/* The common widths are laid out, all others loop. */
static void kws_one_channel(const kws_plane *p, const kws_requant *q, uint32_t channel, const int16_t *taps,
                            const int16_t *padded, int8_t *output) {
    switch (p->dilation_minor == 1 ? p->taps_minor : 0) {
    case 3:
        kws_outputs(p, q, channel, taps, padded, output, 3, 1);
        break;
    case 5:
        kws_outputs(p, q, channel, taps, padded, output, 5, 1);
        break;
    case 7:
        kws_outputs(p, q, channel, taps, padded, output, 7, 1);
        break;
    case 9:
        kws_outputs(p, q, channel, taps, padded, output, 9, 1);
        break;
    default:
        kws_outputs(p, q, channel, taps, padded, output, p->taps_minor, p->dilation_minor);
    }
}

/* Any window, stride, dilation and channel multiplier. The taps of one channel, widened, follow the padded plane. */
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
    int8_t *unpacked = (int8_t *)(taps + (uint32_t)w->height * w->width);
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
            }
            kws_one_channel(&plane, &layer->output, channel, taps, padded, output);
            output += w->out_plane;
            channel++;
        }
        input += w->in_plane;
    }
    return KWS_OK;
}
