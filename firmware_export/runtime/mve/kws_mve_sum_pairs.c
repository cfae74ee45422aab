/* A row of steps and weights times a vector. */
#include "kws_mve_vector.h"

#if KWS_MVE
/* Each lane's sum of the lanes up to it. */
static uint16x8_t kws_mve_running(uint16x8_t x) {
    uint32_t in = 0;
    x = vaddq_u16(x, vshlcq_u16(x, &in, 16));
    in = 0;
    x = vaddq_u16(x, vshlcq_u16(x, &in, 32));
    in = 0;
    const uint16x8_t half = vshlcq_u16(x, &in, 32);
    in = 0;
    return vaddq_u16(x, vshlcq_u16(half, &in, 32));
}

int32_t kws_mve_sum_pairs(const int8_t *input, const uint8_t *code, uint32_t pairs) {
    const uint16x8_t each = vmulq_n_u16(vidupq_n_u16(0, 1), 3);
    int32_t sum = 0;
    for (uint32_t left = pairs; left > 0; left = left > 8u ? left - 8u : 0u) {
        const mve_pred16_t there = vctp16q(left);
        const uint16x8_t steps = vldrbq_gather_offset_z_u16(code, each, there);
        const uint16x8_t second = vshrq_n_u16(steps, 4), first = vandq_u16(steps, vdupq_n_u16(15));
        const uint16x8_t places = kws_mve_running(vaddq_u16(first, second));
        const int16x8_t w0 = vldrbq_gather_offset_z_s16((const int8_t *)code + 1, each, there);
        const int16x8_t w1 = vldrbq_gather_offset_z_s16((const int8_t *)code + 2, each, there);
        sum = vmladavaq_s16(sum, w0, vldrbq_gather_offset_z_s16(input, vsubq_u16(places, second), there));
        sum = vmladavaq_s16(sum, w1, vldrbq_gather_offset_z_s16(input, places, there));
        input += vgetq_lane_u16(places, 7);
        code += 24;
    }
    return sum;
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
