/* Softmax over channels, pixel by pixel. */
#include "kws_softmax.h"

/* Softmax over `depth` logits, output scale 1/256 and zero point -128. */
KWS_SMALL kws_status kws_softmax_rows(const kws_softmax *layer, const int8_t *input, int8_t *output) {
    if (layer == NULL || input == NULL || output == NULL || layer->depth == 0 ||
        (layer->depth > 1 && layer->rows > layer->stride)) {
        return KWS_ERROR_ARGUMENT;
    }
    for (uint32_t pixel = 0; pixel < layer->rows; pixel++) {
        const kws_softmax_row row = kws_softmax_row_of(layer, input, 8);
        for (uint32_t c = 0; c < layer->depth; c++) {
            const int32_t share = kws_softmax_share(layer, &row, input[c * layer->stride]);
            output[c * layer->stride] = (int8_t)((share < 255 ? share : 255) - 128);
        }
        input++;
        output++;
    }
    return KWS_OK;
}
