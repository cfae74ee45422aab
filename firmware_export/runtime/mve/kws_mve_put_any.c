/* Requantising sums of one channel with any shift, by vectors. */
#include "kws_mve.h"

#if KWS_MVE
void kws_mve_put_any(const kws_requant *q, uint32_t channel, const int32_t *sums, uint32_t count, int8_t *output) {
    const kws_mve_scale scale = kws_mve_scale_of(q, channel);
    for (uint32_t i = 0; i < count; i += 4u) {
        int32x4_t out = vqaddq_n_s32(kws_mve_rescale(vldrwq_s32(sums + i), scale), q->zero_point);
        out = vminq_s32(vmaxq_s32(out, vdupq_n_s32(q->minimum)), vdupq_n_s32(q->maximum));
        vstrbq_p_s32(output + i, out, vctp32q(count - i));
    }
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
