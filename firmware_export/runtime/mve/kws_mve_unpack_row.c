/* Unpacking one row of weights of few bits by vectors. */
#include "kws_mve.h"

#if KWS_MVE
/* As kws_unpack_row. Eight weights of `bits` bits begin with a byte of their own: weight i lies in the byte
 * i * bits / 8 and, where it does not end there, the next. */
const uint8_t *kws_mve_unpack_row(const int8_t *table, uint32_t bits, uint32_t depth, const uint8_t *source,
                                  int8_t *row) {
    const uint16x8_t first = vmulq_n_u16(vidupq_n_u16(0, 1), (uint16_t)bits);
    const uint16x8_t byte = vshrq_n_u16(first, 3), within = vandq_u16(first, vdupq_n_u16(7));
    const mve_pred16_t more = vcmphiq_u16(within, vdupq_n_u16((uint16_t)(8u - bits)));
    const int16x8_t to_top = vsubq_s16(vdupq_n_s16((int16_t)(16 - (int32_t)bits)), vreinterpretq_s16_u16(within));
    const int32_t down = (int32_t)bits - 16;
    const uint32_t bytes = (depth * bits + 7u) / 8u;
    const uint8_t *code = source;
    for (uint32_t left = depth; left > 0;) {
        const mve_pred16_t there = vctp16q(left);
        uint16x8_t word = vldrbq_gather_offset_z_u16(code, byte, there);
        const uint16x8_t next = vldrbq_gather_offset_z_u16(code + 1, byte, there & more);
        word = vshlq_u16(vorrq_u16(word, vshlq_n_u16(next, 8)), to_top);
        if (table != NULL) {
            const uint16x8_t number = vshlq_r_u16(word, down);
            vstrbq_p_s16(row, vldrbq_gather_offset_z_s16(table, number, there), there);
        } else {
            vstrbq_p_s16(row, vshlq_r_s16(vreinterpretq_s16_u16(word), down), there);
        }
        code += bits;
        row += 8;
        left = left > 8u ? left - 8u : 0u;
    }
    return source + bytes;
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
