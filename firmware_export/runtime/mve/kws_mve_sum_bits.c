/* A row of bitmaps and weights times a vector. */
#include "kws_bitmap.h"
#include "kws_mve_vector.h"

#if KWS_MVE
/* Sixteen bits a turn, which are the predicate of their lanes. A lane's weight is found by how many bits are set up to
 * it: within its four lanes by a product with 0x01010101, before them by the sums of the nibbles. */
int32_t kws_mve_sum_bits(const int8_t *input, const uint8_t **code, uint32_t depth) {
    const int32x4_t down = vnegq_s32(vreinterpretq_s32_u32(vidupq_n_u32(0, 4)));
    const uint8x16_t one = vdupq_n_u8(1), none = vdupq_n_u8(0);
    const uint8_t *c = *code;
    int32_t sum = 0;
    for (uint32_t begin = 0; begin < depth; begin += 32u) {
        uint32_t bits; /* the first weight's is the lowest */
        const int8_t *x = input + begin;
        __asm__("rbit %0, %1" : "=r"(bits) : "r"(kws_read_map(&c)));
        for (; bits != 0; bits >>= 16) {
            const uint32_t half = bits & 0xffffu, pairs = half - ((half >> 1) & 0x5555u);
            const uint32_t nibbles = (pairs & 0x3333u) + ((pairs >> 2) & 0x3333u);
            const uint32_t before = (nibbles * 0x1110u) & 0xffffu;
            const mve_pred16_t there = (mve_pred16_t)half;
            const uint32x4_t ones = vreinterpretq_u32_u8(vpselq_u8(one, none, there));
            const uint32x4_t earlier = vandq_u32(vshlq_u32(vdupq_n_u32(before), down), vdupq_n_u32(15));
            const uint32x4_t counts = vmlaq_n_u32(vmulq_n_u32(ones, 0x01010101u), earlier, 0x01010101u);
            const int8x16_t weights =
                vldrbq_gather_offset_z_s8((const int8_t *)c - 1, vreinterpretq_u8_u32(counts), there);
            sum = vmladavaq_s8(sum, weights, vldrbq_z_s8(x, there));
            c += (before >> 12) + (nibbles >> 12);
            x += 16;
        }
    }
    *code = c;
    return sum;
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
