/* im2col of eight pixels for a 1x1 window with stride 1. */
#include "kws_whole_blocks.h"

/* A 1x1 window with stride 1: row c of the columns is pixels pixel..pixel+7 of input channel c. */
void kws_im2col_pointwise(const kws_conv *layer, const int8_t *input, uint32_t pixel, void *columns) {
    kws_lane *row = (kws_lane *)columns;
    const uint32_t plane = layer->window.in_plane;
    const int8_t *x = input + pixel;
    if (kws_block_count(plane, pixel) == KWS_BLOCK) {
        kws_whole_blocks(row, x, plane, layer->depth);
        return;
    }
    const uint32_t last = kws_block_count(plane, pixel) - 1; /* a shorter block repeats its last pixel */
    for (uint32_t c = layer->depth; c > 0; c--) {
        for (uint32_t pair = 0; pair < KWS_BLOCK / 2; pair++) {
            const uint32_t first = 2 * pair < last ? 2 * pair : last;
            const uint32_t second = first < last ? first + 1 : last;
            kws_put_pair(row, pair, x[first], x[second]);
        }
        row += KWS_LANES;
        x += plane;
    }
}
