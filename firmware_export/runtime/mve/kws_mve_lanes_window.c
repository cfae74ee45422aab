/* im2col of sixteen pixels for any window, for products across pixels. */
#include "kws_mve_sparse.h"
#include "kws_mve_window.h"

#if KWS_MVE
void kws_mve_lanes_window(const kws_conv *layer, const int8_t *input, uint32_t pixel, void *columns) {
    const uint32_t depth = layer->depth;
    kws_mve_tap tap = {0, 0, 0};
    kws_mve_origins from;
    kws_mve_find_origins(&layer->window, pixel, &from);
    kws_mve_target target = {(int8_t *)columns, 4, 1, KWS_MVE_BLOCK};
    for (uint32_t k = 0; k < depth; k += KWS_MVE_TAPS) {
        const uint32_t taps = depth - k < KWS_MVE_TAPS ? depth - k : KWS_MVE_TAPS;
        kws_mve_put_taps(&layer->window, input, &from, &tap, taps, target);
        target.to += KWS_MVE_TAPS * KWS_MVE_BLOCK;
    }
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
