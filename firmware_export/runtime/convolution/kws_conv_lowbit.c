/* Convolution with weights of few bits, packed or by a lookup table. */
#include "kws_conv_holds.h"
#include "kws_dense_row.h"
#include "kws_mve_columns.h"

#if KWS_MVE
static const int8_t *kws_mve_next_unpacked(const kws_conv *layer, const uint8_t **code, int8_t *buffer) {
    *code = kws_next_row(layer, *code, buffer);
    return buffer;
}
#endif

/* Numbers of `bits` (1 to 7), least significant bit first, each row from a byte of its own: weights in two's
 * complement, or indices into a table: the layer's, or the 2^bits values before each row. */
kws_status kws_conv_lowbit(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
#if KWS_MVE
    return kws_mve_conv_unpacked(layer, input, output, scratch, kws_mve_next_unpacked, 1);
#else
    if (!KWS_CONV_HOLDS(layer, input, output, scratch)) {
        return KWS_ERROR_ARGUMENT;
    }
    const kws_lane *columns = (const kws_lane *)scratch;
    const uint32_t plane = layer->window.out_plane;
    for (uint32_t pixel = 0; pixel < plane; pixel += KWS_BLOCK) {
        const uint32_t count = kws_block_count(plane, pixel);
        layer->im2col(layer, input, pixel, scratch);
        const uint8_t *code = layer->weights;
#if KWS_THUMB2
        kws_row row = kws_first_row(layer);
#endif
        int8_t *weights = (int8_t *)scratch + kws_conv_scratch(layer->depth);
        int8_t *out = output + pixel;
        for (uint32_t channel = 0; channel < layer->channels; channel++) {
            code = kws_next_row(layer, code, weights);
#if KWS_THUMB2
            if (kws_dense_has_assembly(layer)) {
                kws_one_row(kws_dense_assembly, (const uint8_t *)weights, columns, &row, out, count);
                out += plane;
                continue;
            }
#endif
            kws_dense_row(layer, channel, weights, columns, out, count);
            out += plane;
        }
    }
    return KWS_OK;
#endif
}
