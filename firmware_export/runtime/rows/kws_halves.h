/* Rows of int8 weights above -128 against columns of words x0 + 65536 * x1, two pixels each: for Armv7-M without the
 * DSP extension, whose MUL takes one cycle and SMLAL four to seven. */
#ifndef KWS_HALVES_H
#define KWS_HALVES_H

#include "kws_rows.h"

#if KWS_THUMB2 && !KWS_DSP
#define KWS_HALVES 1
#else
#define KWS_HALVES 0
#endif

#if KWS_HALVES
/* As described in kws_rows.h; a row is layer->depth weights. */
const uint8_t *kws_halves_rows(const kws_rows *job);

/* Columns of lanes (see kws_lanes.h) as such words. */
static inline void kws_halves_of(kws_lane *columns, uint32_t words) {
    for (; words > 0; words--) {
        const int32_t low = kws_low_lane(*columns);
        *columns = (int32_t)((uint32_t)low + ((uint32_t)((*columns - low) >> KWS_LANE_BITS) << 16));
        columns++;
    }
}
#endif

#endif /* KWS_HALVES_H */
