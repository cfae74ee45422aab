/* Requantising the sums of neighbouring channels, each with its own constants, by vectors. */
#include "kws_mve.h"

#if KWS_MVE
void kws_mve_put_channels(const kws_requant *q, uint32_t channel, const int32_t *sums, uint32_t count, int8_t *output) {
    const mve_pred16_t there = vctp32q(count);
    const int32x4_t x = vaddq_s32(vldrwq_s32(sums), vldrwq_z_s32(q->bias + channel, there));
    kws_mve_put_four(q, x, vldrwq_z_s32(q->multiplier + channel, there), vldrbq_z_s32(q->shift + channel, there), count,
                     output);
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
