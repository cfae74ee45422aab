/* The weights of a bitmap times a vector. */
#include "kws_mve_vector.h"

#if KWS_MVE
/* How many weights are stored up to each lane. */
static uint8x16_t kws_mve_counts(mve_pred16_t there) {
    uint8x16_t x = vpselq_u8(vdupq_n_u8(1), vdupq_n_u8(0), there);
    uint32_t in = 0;
    x = vaddq_u8(x, vshlcq_u8(x, &in, 8));
    in = 0;
    x = vaddq_u8(x, vshlcq_u8(x, &in, 16));
    in = 0;
    x = vaddq_u8(x, vshlcq_u8(x, &in, 32));
    in = 0;
    const uint8x16_t half = vshlcq_u8(x, &in, 32);
    in = 0;
    return vaddq_u8(x, vshlcq_u8(half, &in, 32));
}

int32_t kws_mve_sum_bits(const int8_t *input, uint32_t map, const uint8_t **code) {
    uint32_t bits; /* the first weight's lowest: a bit a lane, as predicates are */
    int32_t sum = 0;
    __asm__("rbit %0, %1" : "=r"(bits) : "r"(map));
    for (; bits != 0; bits >>= 16) {
        const mve_pred16_t there = (mve_pred16_t)bits;
        const uint8x16_t counts = kws_mve_counts(there);
        const int8x16_t weights = vldrbq_gather_offset_z_s8((const int8_t *)*code, vsubq_n_u8(counts, 1), there);
        sum = vmladavaq_s8(sum, weights, vldrbq_z_s8(input, there));
        *code += vgetq_lane_u8(counts, 15);
        input += 16;
    }
    return sum;
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
