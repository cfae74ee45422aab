/* Matrix times vector with weights of few bits, packed or by a lookup table. */
#include "kws_fc_holds.h"
#include "kws_dot.h"

/* Encoding as in kws_conv_lowbit.c. */
kws_status kws_fc_lowbit(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
    if (!KWS_FC_HOLDS(layer, input, output)) {
        return KWS_ERROR_ARGUMENT;
    }
    if (scratch == NULL) {
        return KWS_ERROR_ARGUMENT;
    }
    const uint8_t *code = layer->weights;
    int8_t *weights = (int8_t *)scratch;
    for (uint32_t channel = 0; channel < layer->channels; channel++) {
        code = kws_next_row(layer, code, weights);
        const int32_t sum = kws_dot(weights, input, layer->depth);
        const kws_scale scale = kws_scale_of(&layer->output, channel);
        output[channel] = kws_requantize(sum, &scale, &layer->output);
    }
    return KWS_OK;
}
