/* Copying a tensor into a part of a larger one. */
#include "kws_shapes.h"

/* Copy a tensor row by row into a larger one: concatenation and padding. */
kws_status kws_place_tensor(const kws_place *layer, const int8_t *input, int8_t *output) {
    if (layer == NULL || input == NULL || output == NULL ||
        !kws_plane_holds(layer->height, layer->width, layer->in_plane) || layer->width > layer->out_width ||
        layer->out_plane == 0 ||
        layer->start % layer->out_plane + (layer->height - 1u) * layer->out_width + layer->width > layer->out_plane) {
        return KWS_ERROR_ARGUMENT;
    }
    output += layer->start;
    for (uint32_t c = 0; c < layer->channels; c++) {
        const int8_t *from = input;
        int8_t *row = output;
        for (uint32_t y = 0; y < layer->height; y++) {
            for (uint32_t x = 0; x < layer->width; x++) {
                row[x] = *from++;
            }
            row += layer->out_width;
        }
        input += layer->in_plane;
        output += layer->out_plane;
    }
    return KWS_OK;
}
