/* Requantisation with any multiplier, shift and limits. */
#include "kws_requantize.h"

int32_t kws_requantize_any(int32_t sum, const kws_scale *scale, const kws_requant *q) {
    const int32_t x = (int32_t)((uint32_t)sum + (uint32_t)scale->bias);
    const int64_t y = (int64_t)kws_rescale(x, scale->multiplier, (int)scale->shift) + q->zero_point;
    return y < q->minimum ? q->minimum : (y > q->maximum ? q->maximum : (int32_t)y);
}
