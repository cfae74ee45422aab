/* A depthwise kernel over whole rows, all of them inside the plane, with a few outputs below one another. */
#include "kws_depthwise_holds.h"
#include "kws_dot.h"

/* kws_dot of less than a word. */
static inline int32_t kws_few_taps(const int8_t *weights, const int8_t *rows, uint32_t taps) {
    int32_t sum = weights[0] * rows[0];
    if (taps > 1) {
        sum += weights[1] * rows[1];
    }
    if (taps > 2) {
        sum += weights[2] * rows[2];
    }
    return sum;
}

/* See kws_engine.h for what is allowed. In place, an output is written before the rows of the next one begin. */
kws_status kws_depthwise_few(const kws_depthwise *layer, const int8_t *input, int8_t *output, void *scratch) {
    if (!KWS_DEPTHWISE_HOLDS(layer, input, output) || (layer->unpack != NULL && scratch == NULL)) {
        return KWS_ERROR_ARGUMENT;
    }
    const kws_window *w = &layer->window;
    const uint32_t taps = (uint32_t)w->height * w->width, step = (uint32_t)w->stride_y * w->in_width;
    if (layer->multiplier != 1 || w->width != w->in_width || w->first_x != 0 || w->out_width != 1 || w->first_y < 0 ||
        w->first_y + (w->out_height - 1) * w->stride_y + w->height > w->in_height ||
        (w->dilation_y != 1 && w->height != 1) || (w->dilation_x != 1 && w->width != 1)) {
        return KWS_ERROR_ARGUMENT;
    }
    const int8_t *plane = input + w->first_y * w->in_width;
    const uint8_t *code = layer->weights;
    for (uint32_t channel = 0; channel < layer->channels; channel++) {
        const int8_t *weights = (const int8_t *)code;
        if (layer->unpack != NULL) {
            code = layer->unpack(layer->table, layer->bits, taps, code, (int8_t *)scratch);
            weights = (const int8_t *)scratch;
        } else {
            code += taps;
        }
        const kws_scale scale = kws_scale_of(&layer->output, channel);
        const int8_t *rows = plane;
        for (int8_t *to = output, *end = output + w->out_height; to < end; to++) {
            const int32_t sum = taps < 4 ? kws_few_taps(weights, rows, taps) : kws_dot(weights, rows, taps);
            *to = kws_requantize(sum, &scale, &layer->output);
            rows += step;
        }
        plane += w->in_plane;
        output += w->out_plane;
    }
    return KWS_OK;
}
