/* im2col of four, six or ten pixels for any window. */
#include "kws_window_columns.h"

#if KWS_ROW_PAIRS
/* Row (c, ky, kx) of the columns is what that tap sees at output pixels pixel..pixel + bits - 1. */
void kws_im2col_window_narrow(const kws_conv *layer, const int8_t *input, uint32_t pixel, void *columns) {
    kws_window_columns(layer, input, pixel, (kws_lane *)columns, layer->bits / 2u, layer->bits / 2u);
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
