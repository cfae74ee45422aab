/* Matrix times vector with weights in blocks of four neighbours, of which zero blocks are left out. */
#include <string.h>

#include "kws_dot.h"
#include "kws_fc_holds.h"
#include "kws_mve_vector.h"
#include "kws_requantize.h"

/* Encoding as in kws_conv_block.c. */
kws_status kws_fc_block(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
    if (!KWS_FC_HOLDS(layer, input, output)) {
        return KWS_ERROR_ARGUMENT;
    }
    (void)scratch;
    const uint8_t *code = layer->weights;
    for (uint32_t channel = 0; channel < layer->channels; channel++) {
#if KWS_MVE
        const uint32_t blocks = *code++;
        const int32_t sum = kws_mve_sum_blocks(input, code, blocks);
        code += 5u * blocks;
#else
        int32_t sum = 0;
        for (uint32_t left = *code++; left > 0; left--) {
            const int8_t *x = input + (uint32_t)code[0] * 4;
#if KWS_DSP
            uint32_t wx, weights;
            memcpy(&wx, x, 4);
            memcpy(&weights, code + 1, 4);
            sum = kws_dot4(wx, weights, sum);
#else
            sum += (int8_t)code[1] * x[0] + (int8_t)code[2] * x[1] + (int8_t)code[3] * x[2] + (int8_t)code[4] * x[3];
#endif
            code += 5;
        }
#endif
        const kws_scale scale = kws_scale_of(&layer->output, channel);
        output[channel] = kws_requantize(sum, &scale, &layer->output);
    }
    return KWS_OK;
}
