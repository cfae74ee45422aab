/* Convolution with dense int8 weights by vectors along the rows of weights. */
#include "kws_conv_holds.h"
#include "kws_mve_columns.h"

#if KWS_MVE
/* Any limits and shifts; dense int8 weights, [channels][depth]. layer->im2col makes columns as kws_mve_columns.h says,
 * all of a block before its first output, so that a pointwise layer may work in place. */
kws_status kws_mve_conv_dense(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
    if (!KWS_CONV_HOLDS(layer, input, output, scratch)) {
        return KWS_ERROR_ARGUMENT;
    }
    const uint32_t plane = layer->window.out_plane;
    for (uint32_t pixel = 0; pixel < plane; pixel += KWS_MVE_BLOCK) {
        layer->im2col(layer, input, pixel, scratch);
        kws_mve_every_row(layer, NULL, NULL, (const int8_t *)scratch, output + pixel, kws_mve_count(plane, pixel));
    }
    return KWS_OK;
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
