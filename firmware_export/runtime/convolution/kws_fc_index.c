/* Matrix times vector with weights that are not zero and their positions. */
#include "kws_requantize.h"

/* Encoding as in kws_conv_index.c. */
kws_status kws_fc_index(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
    if (layer == NULL || input == NULL || output == NULL) {
        return KWS_ERROR_ARGUMENT;
    }
    (void)scratch;
    const uint8_t *code = layer->weights;
    for (uint32_t channel = 0; channel < layer->channels; channel++) {
        int32_t sum = 0;
        for (uint32_t left = *code++; left > 0; left--) {
            sum += (int8_t)code[1] * input[code[0]];
            code += 2;
        }
        const kws_scale scale = kws_scale_of(&layer->output, channel);
        output[channel] = kws_requantize(sum, &scale, &layer->output);
    }
    return KWS_OK;
}
