/* A row of blocks of four weights times a vector. */
#include <string.h>

#include "kws_mve_vector.h"

#if KWS_MVE
static inline uint32_t kws_mve_word(const void *at) {
    uint32_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* Four blocks at a time, word by word into one vector: to gather words would want inputs that are aligned. */
int32_t kws_mve_sum_blocks(const int8_t *input, const uint8_t *code, uint32_t blocks) {
    int32_t sum = 0;
    for (; blocks >= 4u; blocks -= 4u) {
        uint32x4_t x = vdupq_n_u32(0), w = x;
        x = vsetq_lane_u32(kws_mve_word(input + 4u * code[0]), x, 0);
        x = vsetq_lane_u32(kws_mve_word(input + 4u * code[5]), x, 1);
        x = vsetq_lane_u32(kws_mve_word(input + 4u * code[10]), x, 2);
        x = vsetq_lane_u32(kws_mve_word(input + 4u * code[15]), x, 3);
        w = vsetq_lane_u32(kws_mve_word(code + 1), w, 0);
        w = vsetq_lane_u32(kws_mve_word(code + 6), w, 1);
        w = vsetq_lane_u32(kws_mve_word(code + 11), w, 2);
        w = vsetq_lane_u32(kws_mve_word(code + 16), w, 3);
        sum = vmladavaq_s8(sum, vreinterpretq_s8_u32(w), vreinterpretq_s8_u32(x));
        code += 20;
    }
    for (; blocks > 0; blocks--) {
        const int8_t *x = input + 4u * code[0];
        sum += (int8_t)code[1] * x[0] + (int8_t)code[2] * x[1] + (int8_t)code[3] * x[2] + (int8_t)code[4] * x[3];
        code += 5;
    }
    return sum;
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
