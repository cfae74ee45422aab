/* Matrix times vector with N weights of each M. */
#include "kws_fc_holds.h"
#include "kws_mve_vector.h"
#include "kws_requantize.h"

/* Encoding as in kws_conv_nm.c. */
kws_status kws_fc_nm(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
    if (!KWS_FC_HOLDS(layer, input, output)) {
        return KWS_ERROR_ARGUMENT;
    }
    (void)scratch;
    const uint8_t *code = layer->weights;
    const uint32_t bytes = kws_pairs_bytes(layer);
    for (uint32_t channel = 0; channel < layer->channels; channel++) {
#if KWS_MVE
        const int32_t sum = kws_mve_sum_pairs(input, code, bytes / 3u);
        code += bytes;
#else
        const uint8_t *end = code + bytes;
        const int8_t *x = input;
        int32_t sum = 0;
        while (code != end) {
            x += code[0] & 15u;
            sum += (int8_t)code[1] * *x;
            x += code[0] >> 4;
            sum += (int8_t)code[2] * *x;
            code += 3;
        }
#endif
        const kws_scale scale = kws_scale_of(&layer->output, channel);
        output[channel] = kws_requantize(sum, &scale, &layer->output);
    }
    return KWS_OK;
}
