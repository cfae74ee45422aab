/* im2col of four, six or ten pixels for a 1x1 window with stride 1. */
#include "kws_lanes.h"

#if KWS_ROW_PAIRS
static inline void kws_put_two(kws_lane *row, const int8_t *x) {
    *row = kws_pair(x[0], x[1]);
}

/* Row c of the columns is pixels pixel..pixel + bits - 1 of input channel c. */
void kws_im2col_narrow(const kws_conv *layer, const int8_t *input, uint32_t pixel, void *columns) {
    kws_lane *row = (kws_lane *)columns;
    const uint32_t plane = layer->window.in_plane, width = layer->bits;
    const int8_t *x = input + pixel;
    for (uint32_t c = layer->depth; c > 0; c--) {
        kws_put_two(row, x);
        kws_put_two(row + 1, x + 2);
        if (width > 4) {
            kws_put_two(row + 2, x + 4);
            if (width > 6) {
                kws_put_two(row + 3, x + 6);
                kws_put_two(row + 4, x + 8);
            }
        }
        row += width / 2u;
        x += plane;
    }
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
