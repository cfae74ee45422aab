/* The largest number over whole dimensions. */
#include "kws_engine.h"

static int kws_reduces(uint16_t in, uint16_t out, uint8_t over) {
    return in > 0 && out == (over ? 1 : in);
}

/* The largest of the numbers that one output represents. */
static int8_t kws_largest_of(const kws_reduce *layer, const int8_t *first) {
    const uint32_t channels = layer->over_c ? layer->in_channels : 1u;
    const uint32_t rows = layer->over_y ? layer->in_height : 1u;
    const uint32_t columns = layer->over_x ? layer->in_width : 1u;
    int8_t best = -128;
    for (uint32_t c = 0; c < channels; c++) {
        for (uint32_t y = 0; y < rows; y++) {
            const int8_t *in = first + c * layer->in_plane + y * layer->in_width;
            for (uint32_t left = columns; left > 0; left--) {
                best = *in > best ? *in : best;
                in++;
            }
        }
    }
    return best;
}

kws_status kws_reduce_max(const kws_reduce *layer, const int8_t *input, int8_t *output) {
    if (layer == NULL || input == NULL || output == NULL ||
        !kws_reduces(layer->in_height, layer->out_height, layer->over_y) ||
        !kws_reduces(layer->in_width, layer->out_width, layer->over_x) ||
        !kws_reduces(layer->in_channels, layer->out_channels, layer->over_c)) {
        return KWS_ERROR_ARGUMENT;
    }
    for (uint32_t c = 0; c < layer->out_channels; c++) {
        int8_t *out = output + c * layer->out_plane;
        for (uint32_t y = 0; y < layer->out_height; y++) {
            const int8_t *row = input + c * layer->in_plane + y * layer->in_width;
            for (uint32_t x = 0; x < layer->out_width; x++) {
                *out++ = kws_largest_of(layer, row + x);
            }
        }
    }
    return KWS_OK;
}
