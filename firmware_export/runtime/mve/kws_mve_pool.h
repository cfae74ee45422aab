/* What pooling by vectors needs. */
#ifndef KWS_MVE_POOL_H
#define KWS_MVE_POOL_H

#include "kws_mve.h"
#include "kws_pool_view.h"

#if KWS_MVE
/* Whether eight channels at once pay: runs are short, and the planes within reach of an offset of 16 bits. */
static inline int kws_mve_takes_channels(const kws_window *w, const kws_pool_view *v) {
    return v->columns < 8 && w->in_plane <= 65535u / 7u && w->out_plane <= 65535u / 7u;
}

/* The largest number of a view, sixteen of a run at once. */
static inline int8_t kws_mve_largest(const int8_t *x, const kws_pool_view *v) {
    int8x16_t best = vdupq_n_s8(-128);
    for (int32_t rows = v->rows; rows > 0; rows--) {
        for (int32_t i = 0; i < v->columns; i += 16) {
            const mve_pred16_t there = vctp8q((uint32_t)(v->columns - i));
            best = vmaxq_m_s8(best, best, vldrbq_z_s8(x + i, there), there);
        }
        x += v->pitch;
    }
    return vmaxvq_s8(-128, best);
}

/* The largest numbers of one view, x its first in the first channel, for every channel; limits included. */
void kws_mve_max_pool(const kws_pool *layer, const kws_pool_view *v, const int8_t *x, int8_t *output);
#endif

#endif /* KWS_MVE_POOL_H */
