/* Softmax with probabilities of 16 bits. */
#include <string.h>

#include "kws_softmax.h"

/* One row of `depth` logits to int16 numbers of scale 1/65536 and zero point -32768. */
KWS_SMALL kws_status kws_softmax_wide(const kws_softmax *layer, const int8_t *input, int8_t *output) {
    if (layer == NULL || input == NULL || output == NULL || layer->depth == 0 || layer->rows != 1) {
        return KWS_ERROR_ARGUMENT;
    }
    const kws_softmax_row row = kws_softmax_row_of(layer, input, 16);
    for (uint32_t c = 0; c < layer->depth; c++) {
        const int32_t share = kws_softmax_share(layer, &row, input[c * layer->stride]);
        const int16_t wide = (int16_t)kws_clip(share - 32768, -32768, 32767);
        memcpy(output + 2 * c, &wide, sizeof wide);
    }
    return KWS_OK;
}
