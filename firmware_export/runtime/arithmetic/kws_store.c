/* Requantising the sums of a block of pixels and storing them. */
#include "kws_lanes.h"

void kws_store(const kws_requant *q, uint32_t channel, const kws_sums *s, int8_t *output, uint32_t count) {
    const kws_scale scale = kws_scale_of(q, channel);
    int32_t sum[KWS_BLOCK];
    kws_spread(s, sum);
    if (q->saturating) {
        for (uint32_t i = 0; i < count; i++) {
            output[i] = (int8_t)kws_requantize_saturating(sum[i], &scale);
        }
    } else {
        for (uint32_t i = 0; i < count; i++) {
            output[i] = (int8_t)kws_requantize_any(sum[i], &scale, q);
        }
    }
}
