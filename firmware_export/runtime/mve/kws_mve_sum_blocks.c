/* A row of blocks of four weights times a vector. */
#include "kws_mve_vector.h"

#if KWS_MVE
/* Bytes at a time: a word's gather would want the input aligned. */
int32_t kws_mve_sum_blocks(const int8_t *input, const uint8_t *code, uint32_t blocks) {
    const uint16x8_t lane = vidupq_n_u16(0, 1), within = vandq_u16(lane, vdupq_n_u16(3));
    const uint16x8_t number = vmulq_n_u16(vshrq_n_u16(lane, 2), 5), weight = vaddq_u16(number, within);
    int32_t sum = 0;
    for (uint32_t left = blocks; left > 0; left = left > 2u ? left - 2u : 0u) {
        const mve_pred16_t there = vctp16q(4u * left);
        const uint16x8_t numbers = vldrbq_gather_offset_z_u16(code, number, there);
        const uint16x8_t places = vaddq_u16(vshlq_n_u16(numbers, 2), within);
        const int16x8_t weights = vldrbq_gather_offset_z_s16((const int8_t *)code + 1, weight, there);
        sum = vmladavaq_s16(sum, weights, vldrbq_gather_offset_z_s16(input, places, there));
        code += 10;
    }
    return sum;
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
