/* im2col of eight pixels for any window. */
#include "kws_whole_blocks.h"
#include "kws_window_bytes.h"

/* Row (c, ky, kx) of the columns is what that tap sees at output pixels pixel..pixel+7. They are brought as bytes into
 * the second half of the columns first: a row's bytes lie behind it, those of the last one in itself, and are read four
 * by four before they are written over. */
void kws_im2col_window(const kws_conv *layer, const int8_t *input, uint32_t pixel, void *columns) {
    int8_t *bytes = (int8_t *)columns + (uint32_t)layer->depth * (KWS_COLUMN_BYTES - KWS_BLOCK);
    kws_window_bytes(layer, input, pixel, bytes);
    kws_whole_blocks((kws_lane *)columns, bytes, KWS_BLOCK, layer->depth);
}
