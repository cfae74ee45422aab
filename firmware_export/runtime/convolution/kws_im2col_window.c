/* im2col of eight pixels for any window. */
#include "kws_window_columns.h"

/* Row (c, ky, kx) of the columns is what that tap sees at output pixels pixel..pixel+7. */
void kws_im2col_window(const kws_conv *layer, const int8_t *input, uint32_t pixel, void *columns) {
    kws_window_columns(layer, input, pixel, (kws_lane *)columns, KWS_BLOCK / 2, KWS_LANES);
}
