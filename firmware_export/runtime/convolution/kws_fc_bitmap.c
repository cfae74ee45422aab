/* Matrix times vector with weights as a bitmap of those that are not zero, and their values. */
#include "kws_fc_holds.h"
#include "kws_bitmap.h"
#include "kws_mve_vector.h"
#include "kws_requantize.h"

/* Encoding as in kws_conv_bitmap.c. */
kws_status kws_fc_bitmap(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
    if (!KWS_FC_HOLDS(layer, input, output)) {
        return KWS_ERROR_ARGUMENT;
    }
    (void)scratch;
    const uint8_t *code = layer->weights;
    for (uint32_t channel = 0; channel < layer->channels; channel++) {
#if KWS_MVE
        const int32_t sum = kws_mve_sum_bits(input, &code, layer->depth);
#else
        int32_t sum = 0;
        for (uint32_t start = 0; start < layer->depth; start += 32) {
            uint32_t map = kws_read_map(&code);
            const int8_t *x = input + start;
            while (map != 0) {
                const uint32_t gap = kws_leading_zeros(map);
                x += gap;
                map <<= gap;
                map <<= 1;
                sum += (int8_t)*code++ * *x++;
            }
        }
#endif
        const kws_scale scale = kws_scale_of(&layer->output, channel);
        output[channel] = kws_requantize(sum, &scale, &layer->output);
    }
    return KWS_OK;
}
