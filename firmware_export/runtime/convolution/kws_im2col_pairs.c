/* Columns of a pointwise convolution for kws_conv_dense_pairs. */
#include "kws_put_pairs.h"

#if KWS_ROW_PAIRS
/* A 1x1 window with stride 1. */
void kws_im2col_pairs(const kws_conv *layer, const int8_t *input, uint32_t pixel, void *columns) {
    const uint32_t plane = layer->window.in_plane;
    kws_put_pairs((uint32_t *)columns, input + pixel, plane, layer->depth, kws_block_count(plane, pixel) == KWS_BLOCK);
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
