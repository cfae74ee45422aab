/* Matrix times vector with weights that are not zero and their positions. */
#include "kws_fc_holds.h"
#include "kws_mve.h"
#include "kws_requantize.h"

#if KWS_MVE
/* Sixteen weights and the inputs at their places at a time, while there are as many. */
static int32_t kws_sixteens(const int8_t *input, const uint8_t **code, uint32_t *left) {
    int32_t sum = 0;
    for (; *left >= 16u; *left -= 16u) {
        const uint8x16x2_t pairs = vld2q_u8(*code);
        sum = vmladavaq_s8(sum, vreinterpretq_s8_u8(pairs.val[1]), vldrbq_gather_offset_s8(input, pairs.val[0]));
        *code += 32;
    }
    return sum;
}
#endif

/* Encoding as in kws_conv_index.c. */
kws_status kws_fc_index(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
    if (!KWS_FC_HOLDS(layer, input, output)) {
        return KWS_ERROR_ARGUMENT;
    }
    (void)scratch;
    const uint8_t *code = layer->weights;
    for (uint32_t channel = 0; channel < layer->channels; channel++) {
        int32_t sum = 0;
        uint32_t left = *code++;
#if KWS_MVE
        sum = kws_sixteens(input, &code, &left);
#endif
        for (; left > 0; left--) {
            sum += (int8_t)code[1] * input[code[0]];
            code += 2;
        }
        const kws_scale scale = kws_scale_of(&layer->output, channel);
        output[channel] = kws_requantize(sum, &scale, &layer->output);
    }
    return KWS_OK;
}
