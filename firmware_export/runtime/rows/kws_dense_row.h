/* A row of dense int8 weights against the columns of a block of pixels. */
#ifndef KWS_DENSE_ROW_H
#define KWS_DENSE_ROW_H

#include "kws_thumb2.h"

#define KWS_SEGMENT 256u /* weights after which a lane could overflow: 256 * 127 * 128 < 2^22 */

/* One output channel of a block, requantised and stored; `weights` are layer->depth int8 numbers. */
void kws_dense_row(const kws_conv *layer, uint32_t channel, const int8_t *weights, const kws_lane *columns, int8_t *out,
                   uint32_t count);

#if KWS_THUMB2
/* The same for layers that saturate, of at most KWS_SEGMENT weights, as described in kws_thumb2.h. */
const uint8_t *kws_dense_assembly(const kws_lane *columns, const uint8_t *code, kws_row *row, int8_t *output);

static inline int kws_dense_has_assembly(const kws_conv *layer) {
    return layer->output.saturating && layer->depth <= KWS_SEGMENT;
}
#endif

#endif /* KWS_DENSE_ROW_H */
