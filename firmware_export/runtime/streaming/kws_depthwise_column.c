/* A depthwise kernel over whole rows with one output a channel: one step along time. */
#include "kws_depthwise_holds.h"
#include "kws_dot_rows.h"

#if KWS_DSP
/* `taps` products, at least four; what does not fill a word is the upper part of a word that ends with the last tap. */
static inline int32_t kws_column(const int8_t *weights, const int8_t *rows, uint32_t taps, uint32_t mask) {
#if KWS_MVE
    (void)mask;
    return kws_mve_dot(weights, rows, taps);
#else
    uint32_t w, x;
    int32_t sum = 0;
    uint32_t done = 0;
    for (; done + 4 <= taps; done += 4) {
        memcpy(&w, weights + done, 4);
        memcpy(&x, rows + done, 4);
        sum = kws_dot4(w, x, sum);
    }
    if (mask != 0) {
        memcpy(&w, weights + taps - 4, 4);
        memcpy(&x, rows + taps - 4, 4);
        sum = kws_dot4(w & mask, x, sum);
    }
    return sum;
#endif
}
#endif

/* One output a channel; see kws_engine.h for what is allowed. */
kws_status kws_depthwise_column(const kws_depthwise *layer, const int8_t *input, int8_t *output, void *scratch) {
    if (!KWS_DEPTHWISE_HOLDS(layer, input, output) || (layer->unpack != NULL && scratch == NULL)) {
        return KWS_ERROR_ARGUMENT;
    }
    const kws_window *w = &layer->window;
    const uint32_t taps = (uint32_t)w->height * w->width;
    if (w->width != w->in_width || w->first_x != 0 || w->out_height != 1 || w->out_width != 1 || w->first_y < 0 ||
        w->first_y + w->height > w->in_height || (w->dilation_y != 1 && w->height != 1) ||
        (w->dilation_x != 1 && w->width != 1)) {
        return KWS_ERROR_ARGUMENT;
    }
    const int8_t *column = input + w->first_y * w->in_width;
#if KWS_DSP
    if (layer->unpack == NULL && layer->multiplier == 1 && taps >= 4 && layer->output.saturating) {
        kws_scales scales = kws_scales_of(&layer->output);
        const uint32_t plane = w->in_plane, channels = layer->channels;
        const int8_t *weights = (const int8_t *)layer->weights;
        const uint32_t mask = taps % 4 == 0 ? 0 : ~0u << (8 * (4 - taps % 4));
        for (int8_t *end = output + channels; output < end; output++) {
            *output = kws_requantize_next(kws_column(weights, column, taps, mask), &scales);
            weights += taps;
            column += plane;
        }
        return KWS_OK;
    }
#endif
    const uint8_t *code = layer->weights;
    uint32_t channel = 0;
    for (uint32_t c = layer->channels; c > 0; c--) {
        for (uint32_t m = layer->multiplier; m > 0; m--) {
            const int8_t *weights = (const int8_t *)code;
            if (layer->unpack != NULL) {
                code = layer->unpack(layer->table, layer->bits, taps, code, (int8_t *)scratch);
                weights = (const int8_t *)scratch;
            } else {
                code += taps;
            }
            const kws_scale scale = kws_scale_of(&layer->output, channel);
            output[channel] = kws_requantize(kws_dot(weights, column, taps), &scale, &layer->output);
            channel++;
        }
        column += w->in_plane;
    }
    return KWS_OK;
}
