/* A row of plain int8 weights against the columns of a block of pixels. */
#ifndef KWS_DENSE_ROW_H
#define KWS_DENSE_ROW_H

#include "kws_lanes.h"

#define KWS_SEGMENT 256u /* weights after which a lane could overflow: 256 * 127 * 128 < 2^22 */

/* One output channel of a block, requantised and stored; `weights` are layer->depth int8 numbers. */
void kws_dense_row(const kws_conv *layer, uint32_t channel, const int8_t *weights, const kws_lane *columns, int8_t *out,
                   uint32_t count);

#endif /* KWS_DENSE_ROW_H */
