/* Requantising up to four sums with any shifts and limits by vectors. */
#include "kws_mve.h"

#if KWS_MVE
/* Shifts to the left come before the multiplication, those to the right after it, as kws_mve_rescale says. */
void kws_mve_put_four(const kws_requant *q, int32x4_t x, int32x4_t multiplier, int32x4_t shift, uint32_t count,
                      int8_t *output) {
    const int32x4_t none = vdupq_n_s32(0), right = vminq_s32(shift, none);
    x = vqrdmulhq_s32(vshlq_s32(x, vmaxq_s32(shift, none)), multiplier);
    x = vrshlq_s32(vaddq_s32(x, vmaxq_s32(vshrq_n_s32(x, 31), right)), right);
    x = vqaddq_n_s32(x, q->zero_point);
    x = vminq_s32(vmaxq_s32(x, vdupq_n_s32(q->minimum)), vdupq_n_s32(q->maximum));
    vstrbq_p_s32(output, x, vctp32q(count));
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
