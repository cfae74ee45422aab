/* Matrix times vector with weights that are not zero and the distances between them. */
#include "kws_fc_holds.h"
#include "kws_mve_vector.h"
#include "kws_requantize.h"

/* Encoding as in kws_conv_delta4.c. */
kws_status kws_fc_delta4(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
    if (!KWS_FC_HOLDS(layer, input, output)) {
        return KWS_ERROR_ARGUMENT;
    }
    (void)scratch;
    const uint8_t *code = layer->weights;
    for (uint32_t channel = 0; channel < layer->channels; channel++) {
#if KWS_MVE
        const uint8_t *row = code;
        while (*code != 0) {
            code += 3;
        }
        const int32_t sum = kws_mve_sum_pairs(input, row, (uint32_t)(code - row) / 3u);
        code++;
#else
        const int8_t *x = input;
        int32_t sum = 0;
        uint32_t steps = *code++;
        while (steps != 0) {
            x += steps & 15u;
            sum += (int8_t)code[0] * *x;
            x += steps >> 4;
            sum += (int8_t)code[1] * *x;
            steps = code[2];
            code += 3;
        }
#endif
        const kws_scale scale = kws_scale_of(&layer->output, channel);
        output[channel] = kws_requantize(sum, &scale, &layer->output);
    }
    return KWS_OK;
}
