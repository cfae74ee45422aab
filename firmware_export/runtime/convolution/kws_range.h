/* The taps of a window's line or column that lie inside the plane. */
#ifndef KWS_RANGE_H
#define KWS_RANGE_H

#include "kws_engine.h"

/* `from` to `to`, none where both are the same. */
typedef struct {
    int32_t from, to;
} kws_range;

/* Of `taps` taps, `step` inputs apart, the first at `first` of `limit` inputs. */
static inline kws_range kws_inside(int32_t first, int32_t taps, int32_t step, int32_t limit) {
    kws_range r = {0, taps};
    if (first < 0) {
        r.from = (step - 1 - first) / step;
    }
    if (first + (taps - 1) * step >= limit) {
        r.to = (limit - first + step - 1) / step;
    }
    r.to = r.to < r.from ? r.from : r.to;
    return r;
}

#endif /* KWS_RANGE_H */
