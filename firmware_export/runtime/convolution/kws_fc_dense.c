/* Matrix times vector with plain int8 weights. */
#include "kws_dot_rows.h"

/* Encoding as in kws_conv_dense.c. */
kws_status kws_fc_dense(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
    if (layer == NULL || input == NULL || output == NULL) {
        return KWS_ERROR_ARGUMENT;
    }
    (void)scratch;
    const int8_t *weights = (const int8_t *)layer->weights;
    kws_plain plain = kws_plain_of(&layer->output);
    uint32_t channel = 0;
    for (; channel + 4 <= layer->channels; channel += 4) {
        int32_t sums[4];
        kws_dot_rows(weights, input, layer->depth, sums);
        weights += 4 * (uint32_t)layer->depth;
        if (layer->output.plain) {
            int8_t *out = output + channel;
            out[0] = kws_requantize_next(sums[0], &plain);
            out[1] = kws_requantize_next(sums[1], &plain);
            out[2] = kws_requantize_next(sums[2], &plain);
            out[3] = kws_requantize_next(sums[3], &plain);
            continue;
        }
        for (uint32_t row = 0; row < 4; row++) {
            const kws_scale scale = kws_scale_of(&layer->output, channel + row);
            output[channel + row] = kws_requantize(sums[row], &scale, &layer->output);
        }
    }
    for (; channel < layer->channels; channel++) {
        const int32_t sum = kws_dot(weights, input, layer->depth);
        weights += layer->depth;
        const kws_scale scale = kws_scale_of(&layer->output, channel);
        output[channel] = kws_requantize(sum, &scale, &layer->output);
    }
    return KWS_OK;
}
