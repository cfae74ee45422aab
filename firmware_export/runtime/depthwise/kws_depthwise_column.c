/* Depthwise convolution with one output pixel: a product of vectors for each channel, straight from the planes. */
#include "kws_dot.h"

/* The window lies within the input and takes whole rows, so that its taps see neighbouring bytes; int8 weights. This
 * is what a step of a streaming network needs. Needs no scratch. */
kws_status kws_depthwise_column(const kws_depthwise *layer, const int8_t *input, int8_t *output, void *scratch) {
    if (layer == NULL || input == NULL || output == NULL) {
        return KWS_ERROR_ARGUMENT;
    }
    (void)scratch;
    const kws_window *w = &layer->window;
    if (w->first_y < 0 || w->first_x != 0 || w->width != w->in_width || w->first_y + w->height > w->in_height) {
        return KWS_ERROR_ARGUMENT;
    }
    const uint32_t taps = (uint32_t)w->height * w->width;
    const int8_t *weights = (const int8_t *)layer->weights;
    const int8_t *plane = input + (uint32_t)w->first_y * w->in_width;
    uint32_t channel = 0;
    for (uint32_t c = 0; c < layer->channels; c++) {
        for (uint32_t m = 0; m < layer->multiplier; m++) {
            const int32_t sum = kws_dot(weights, plane, taps);
            const kws_scale scale = kws_scale_of(&layer->output, channel);
            *output = kws_requantize(sum, &scale, &layer->output);
            weights += taps;
            output += w->out_plane;
            channel++;
        }
        plane += w->in_plane;
    }
    return KWS_OK;
}
