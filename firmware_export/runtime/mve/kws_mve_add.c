/* The sum of two tensors that lie alike, four numbers at a time by vectors. */
#include "kws_mve.h"

#if KWS_MVE
/* As kws_add: both inputs scaled up by 2^20 and brought to a common scale. */
void kws_mve_add(const kws_elementwise *layer, const int8_t *a, const int8_t *b, int8_t *output, uint32_t bytes) {
    const kws_elementwise *e = layer;
    const kws_mve_scale scale_a = {-e->a_zero * (1 << 20), e->a_multiplier, e->a_shift};
    const kws_mve_scale scale_b = {-e->b_zero * (1 << 20), e->b_multiplier, e->b_shift};
    const kws_mve_scale scale = {0, e->out_multiplier, e->out_shift};
    const int32x4_t minimum = vdupq_n_s32(e->minimum), maximum = vdupq_n_s32(e->maximum);
    for (uint32_t i = 0; i < bytes; i += 4u) {
        const mve_pred16_t there = vctp32q(bytes - i);
        const int32x4_t x = kws_mve_rescale(vshlq_n_s32(vldrbq_z_s32(a + i, there), 20), scale_a);
        const int32x4_t y = kws_mve_rescale(vshlq_n_s32(vldrbq_z_s32(b + i, there), 20), scale_b);
        const int32x4_t sum = vaddq_n_s32(kws_mve_rescale(vaddq_s32(x, y), scale), e->out_zero);
        vstrbq_p_s32(output + i, vminq_s32(vmaxq_s32(sum, minimum), maximum), there);
    }
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
