/* The taps of one channel of a depthwise convolution, unpacked where they have few bits. */
#include "kws_plane.h"

const int8_t *kws_depthwise_taps(const kws_depthwise *layer, const uint8_t **code, int8_t *unpacked) {
    const uint32_t taps = (uint32_t)layer->window.height * layer->window.width;
    if (layer->unpack == NULL) {
        const int8_t *weights = (const int8_t *)*code;
        *code += taps;
        return weights;
    }
    *code = layer->unpack(layer->table, layer->bits, taps, *code, unpacked);
    return unpacked;
}
