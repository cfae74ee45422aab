/* Matrix times vector with dense int8 weights. */
#include "kws_fc_holds.h"
#include "kws_dot_rows.h"

#define KWS_TWO_ROWS (KWS_DSP && !KWS_MVE)

/* Encoding as in kws_conv_dense.c. */
kws_status kws_fc_dense(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
    if (!KWS_FC_HOLDS(layer, input, output)) {
        return KWS_ERROR_ARGUMENT;
    }
    (void)scratch;
    const int8_t *weights = (const int8_t *)layer->weights;
#if !KWS_MVE
    kws_scales scales = kws_scales_of(&layer->output);
#endif
    uint32_t rows;
    for (uint32_t channel = 0; channel < layer->channels; channel += rows) {
        int32_t sums[4];
        const uint32_t left = layer->channels - channel;
        rows = left >= 4u ? 4u : left > 1u && KWS_TWO_ROWS ? 2u : 1u;
        if (rows == 4u) {
            kws_dot_rows(weights, input, layer->depth, sums);
#if KWS_TWO_ROWS
        } else if (rows == 2u) {
            kws_dot_two(weights, weights + layer->depth, input, layer->depth, sums);
#endif
        } else {
            sums[0] = kws_dot(weights, input, layer->depth);
        }
        weights += rows * layer->depth;
#if KWS_MVE
        kws_mve_put_channels(&layer->output, channel, sums, rows, output + channel);
#else
        for (uint32_t row = 0; row < rows; row++) {
            if (layer->output.saturating) {
                output[channel + row] = kws_requantize_next(sums[row], &scales);
                continue;
            }
            const kws_scale scale = kws_scale_of(&layer->output, channel + row);
            output[channel + row] = (int8_t)kws_requantize_any(sums[row], &scale, &layer->output);
        }
#endif
    }
    return KWS_OK;
}
