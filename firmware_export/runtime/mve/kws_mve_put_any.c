/* Requantising sums of one channel with any shift, by vectors. */
#include "kws_mve.h"

#if KWS_MVE
void kws_mve_put_any(const kws_requant *q, uint32_t channel, const int32_t *sums, uint32_t count, int8_t *output) {
    const int32x4_t multiplier = vdupq_n_s32(q->multiplier[channel]), shift = vdupq_n_s32(q->shift[channel]);
    for (uint32_t i = 0; i < count; i += 4u) {
        const int32x4_t x = vaddq_n_s32(vldrwq_s32(sums + i), q->bias[channel]);
        kws_mve_put_four(q, x, multiplier, shift, count - i, output + i);
    }
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
