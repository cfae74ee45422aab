/* Giving the numbers of a tensor another shape. */
#include "kws_shapes.h"

/* To one number after the other: planes of `pixels` become rows of channels. */
static void kws_flatten(const kws_reshape *layer, const int8_t *input, int8_t *output) {
    const uint32_t plane = layer->in_plane, channels = layer->in_channels;
    for (uint32_t pixel = layer->in_pixels; pixel > 0; pixel--) {
        const int8_t *from = input++;
        uint32_t left = channels;
        for (; left >= 4; left -= 4) {
            output[0] = from[0];
            output[1] = from[plane];
            output[2] = from[2 * plane];
            output[3] = from[3 * plane];
            from += 4 * plane;
            output += 4;
        }
        for (; left > 0; left--) {
            *output++ = *from;
            from += plane;
        }
    }
}

/* To planes from one number after the other. */
static void kws_unflatten(const kws_reshape *layer, const int8_t *input, int8_t *output) {
    const uint32_t plane = layer->out_plane, channels = layer->out_channels;
    for (uint32_t pixel = layer->out_pixels; pixel > 0; pixel--) {
        int8_t *to = output++;
        uint32_t left = channels;
        for (; left >= 4; left -= 4) {
            to[0] = input[0];
            to[plane] = input[1];
            to[2 * plane] = input[2];
            to[3 * plane] = input[3];
            to += 4 * plane;
            input += 4;
        }
        for (; left > 0; left--) {
            *to = *input++;
            to += plane;
        }
    }
}

/* Whether the numbers of a tensor are in the order height, width, channel. */
static int kws_in_order(uint32_t channels, uint32_t pixels, uint32_t plane) {
    return channels == 1 || (pixels == 1 && plane == 1);
}

/* Walk both tensors in the order height, width, channel; input and output must not overlap. */
kws_status kws_reshape_tensor(const kws_reshape *layer, const int8_t *input, int8_t *output) {
    if (layer == NULL || input == NULL || output == NULL || !kws_plane_holds(1, layer->in_pixels, layer->in_plane) ||
        !kws_plane_holds(1, layer->out_pixels, layer->out_plane) ||
        (uint32_t)layer->in_channels * layer->in_pixels != (uint32_t)layer->out_channels * layer->out_pixels) {
        return KWS_ERROR_ARGUMENT;
    }
    if (kws_in_order(layer->out_channels, layer->out_pixels, layer->out_plane)) {
        kws_flatten(layer, input, output);
        return KWS_OK;
    }
    if (kws_in_order(layer->in_channels, layer->in_pixels, layer->in_plane)) {
        kws_unflatten(layer, input, output);
        return KWS_OK;
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
