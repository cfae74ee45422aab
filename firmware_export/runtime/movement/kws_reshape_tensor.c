/* Giving the numbers of a tensor another shape. */
#include "kws_shapes.h"

/* Walk both tensors in the order height, width, channel; input and output must not overlap. */
kws_status kws_reshape_tensor(const kws_reshape *layer, const int8_t *input, int8_t *output) {
    if (layer == NULL || input == NULL || output == NULL || !kws_plane_holds(1, layer->in_pixels, layer->in_plane) ||
        !kws_plane_holds(1, layer->out_pixels, layer->out_plane) ||
        (uint32_t)layer->in_channels * layer->in_pixels != (uint32_t)layer->out_channels * layer->out_pixels) {
        return KWS_ERROR_ARGUMENT;
    }
    uint32_t channel = 0;
    const int8_t *from = input;
    for (uint32_t pixel = 0; pixel < layer->out_pixels; pixel++) {
        int8_t *to = output + pixel;
        for (uint32_t left = layer->out_channels; left > 0; left--) {
            *to = *from;
            to += layer->out_plane;
            from += layer->in_plane;
            channel++;
            if (channel == layer->in_channels) {
                channel = 0;
                input++;
                from = input;
            }
        }
    }
    return KWS_OK;
}
