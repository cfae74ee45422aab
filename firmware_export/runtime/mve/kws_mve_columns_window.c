/* im2col of sixteen pixels for any window, for products along the rows of weights. */
#include "kws_mve_columns.h"
#include "kws_mve_window.h"

#if KWS_MVE
void kws_mve_columns_window(const kws_conv *layer, const int8_t *input, uint32_t pixel, void *columns) {
    const kws_window *w = &layer->window;
    const uint32_t depth = layer->depth, whole = depth & ~15u, rest = depth & 15u;
    kws_mve_tap tap = {0, 0, 0};
    kws_mve_origins from;
    kws_mve_find_origins(w, pixel, &from);
    for (uint32_t k = 0; k < depth; k += KWS_MVE_TAPS) {
        kws_mve_target target = {(int8_t *)columns, k < whole ? 16u : rest, 4u * depth, 1};
        target.to += k < whole ? 4u * (k & ~15u) + (k & 15u) : 3u * whole + k;
        const uint32_t taps = depth - k < KWS_MVE_TAPS ? depth - k : KWS_MVE_TAPS;
        kws_mve_put_taps(w, input, &from, &tap, taps, target);
    }
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
