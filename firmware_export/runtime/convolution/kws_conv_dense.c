/* Convolution with dense int8 weights. */
#include "kws_conv_holds.h"
#include "kws_dense_row.h"

/* int8 weights, [channels][depth]. */
kws_status kws_conv_dense(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
#if KWS_MVE
    return kws_mve_conv_dense(layer, input, output, scratch);
#else
    if (!KWS_CONV_HOLDS(layer, input, output, scratch)) {
        return KWS_ERROR_ARGUMENT;
    }
    const kws_lane *columns = (const kws_lane *)scratch;
    const uint32_t plane = layer->window.out_plane;
    for (uint32_t pixel = 0; pixel < plane; pixel += KWS_BLOCK) {
        const uint32_t count = kws_block_count(plane, pixel);
        layer->im2col(layer, input, pixel, scratch);
        int8_t *out = output + pixel;
#if KWS_THUMB2
        if (kws_dense_has_assembly(layer)) {
            kws_every_row(kws_dense_assembly, layer, columns, out, count);
            continue;
        }
#endif
        const int8_t *weights = (const int8_t *)layer->weights;
        for (uint32_t channel = 0; channel < layer->channels; channel++) {
            kws_dense_row(layer, channel, weights, columns, out, count);
            weights += layer->depth;
            out += plane;
        }
    }
    return KWS_OK;
#endif
}
