/* im2col of sixteen pixels for a 1x1 window with stride 1, for products across pixels. */
#include "kws_mve_sparse.h"

#if KWS_MVE
void kws_mve_lanes_pointwise(const kws_conv *layer, const int8_t *input, uint32_t pixel, void *columns) {
    static const uint8_t order[KWS_MVE_BLOCK] = {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15};
    const uint32_t plane = layer->window.in_plane;
    const uint8x16_t places = vldrbq_u8(order);
    const mve_pred16_t there = vcmphiq_u8(vdupq_n_u8((uint8_t)kws_mve_count(plane, pixel)), places);
    const int8_t *x = input + pixel;
    int8_t *row = (int8_t *)columns;
    for (uint32_t left = layer->depth; left > 0; left--) {
        vstrbq_s8(row, vldrbq_gather_offset_z_s8(x, places, there));
        row += KWS_MVE_BLOCK;
        x += plane;
    }
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
