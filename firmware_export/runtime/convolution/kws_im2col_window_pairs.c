/* Columns of any window for kws_conv_dense_pairs. */
#include "kws_put_pairs.h"
#include "kws_window_bytes.h"

#if KWS_ROW_PAIRS
/* Any window, as bytes at the end of the columns first, as in kws_im2col_window.c. */
void kws_im2col_window_pairs(const kws_conv *layer, const int8_t *input, uint32_t pixel, void *columns) {
    const uint32_t depth = layer->depth, even = depth + depth % 2u;
    int8_t *bytes = (int8_t *)columns + even * KWS_COLUMN_BYTES - depth * KWS_BLOCK;
    kws_window_bytes(layer, input, pixel, bytes);
    kws_put_pairs((uint32_t *)columns, bytes, KWS_BLOCK, layer->depth, 1);
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
