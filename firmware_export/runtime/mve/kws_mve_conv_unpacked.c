/* Convolution with rows that are unpacked to int8 first, by vectors along them. */
#include "kws_conv_holds.h"
#include "kws_mve_columns.h"

#if KWS_MVE
kws_status kws_mve_conv_unpacked(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch,
                                 kws_mve_next_row next, uint32_t rows) {
    if (!KWS_CONV_HOLDS(layer, input, output, scratch)) {
        return KWS_ERROR_ARGUMENT;
    }
    const uint32_t plane = layer->window.out_plane;
    int8_t *const unpacked = (int8_t *)scratch + kws_conv_scratch(layer->depth);
    int8_t *const buffers[2] = {unpacked, rows > 1u ? unpacked + layer->depth : NULL};
    for (uint32_t pixel = 0; pixel < plane; pixel += KWS_MVE_BLOCK) {
        layer->im2col(layer, input, pixel, scratch);
        kws_mve_every_row(layer, next, buffers, (const int8_t *)scratch, output + pixel, kws_mve_count(plane, pixel));
    }
    return KWS_OK;
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
