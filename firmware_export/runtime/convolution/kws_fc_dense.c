/* Matrix times vector with plain int8 weights. */
#include "kws_dot.h"

/* Encoding as in kws_conv_dense.c. */
kws_status kws_fc_dense(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
    if (layer == NULL || input == NULL || output == NULL) {
        return KWS_ERROR_ARGUMENT;
    }
    (void)scratch;
    const int8_t *weights = (const int8_t *)layer->weights;
    for (uint32_t channel = 0; channel < layer->channels; channel++) {
        const int32_t sum = kws_dot(weights, input, layer->depth);
        weights += layer->depth;
        const kws_scale scale = kws_scale_of(&layer->output, channel);
        output[channel] = kws_requantize(sum, &scale, &layer->output);
    }
    return KWS_OK;
}
