/* What the kernels for vectors (MVE, Helium: Cortex-M55, M85) share: blocks of sixteen pixels, requantised together. */
#ifndef KWS_MVE_H
#define KWS_MVE_H

#include "kws_engine.h"

#if KWS_MVE
#include <arm_mve.h>

#define KWS_MVE_BLOCK 16u /* pixels at once */

/* How many pixels of a plane are left from `pixel` on, at most a block: 1 or a multiple of four. */
static inline uint32_t kws_mve_count(uint32_t plane, uint32_t pixel) {
    const uint32_t left = plane - pixel;
    return left < KWS_MVE_BLOCK ? left : KWS_MVE_BLOCK;
}

/* The constants of one output channel. */
typedef struct {
    int32_t bias, multiplier, shift;
} kws_mve_scale;

static inline kws_mve_scale kws_mve_scale_of(const kws_requant *q, uint32_t channel) {
    const kws_mve_scale scale = {q->bias[channel], q->multiplier[channel], q->shift[channel]};
    return scale;
}

/* kws_rescale of four sums and their bias. A shift to the right rounds a second time, ties away from zero:
 *
 *   round(y / 2^s) = (y - [y < 0] + 2^(s-1)) >> s.
 *
 * VQRDMLAH brings the -1 of negative sums into y, VRSHL adds the half. A negative sum whose y is zero gets the -1 too,
 * which changes nothing, since s >= 1; and where VQRDMLAH saturates, at -2^31, the quotient is the same. */
static inline int32x4_t kws_mve_rescale(int32x4_t sum, kws_mve_scale scale) {
    const int32x4_t x = vaddq_n_s32(sum, scale.bias);
    if (scale.shift < 0) {
        return vrshlq_n_s32(vqrdmlahq_n_s32(vshrq_n_s32(x, 31), x, scale.multiplier), scale.shift);
    }
    return vqrdmulhq_n_s32(vshlq_r_s32(x, scale.shift), scale.multiplier);
}

/* Of one sum in `from`, with its bias, into `to`: kws_mve_rescale for shifts to the right. */
#define KWS_MVE_RESCALE(from, to)                      \
    "vadd.i32 " from ", " from ", %[bias]\n\t"         \
    "vshr.s32 " to ", " from ", #31\n\t"               \
    "vqrdmlah.s32 " to ", " from ", %[multiplier]\n\t" \
    "vrshl.s32 " to ", %[shift]\n\t"

/* Sixteen sums to outputs, of which `count` (at least 1) are stored, where the shift is to the right. VLD4 brings sums
 * 0, 4, 8 and 12 into one register, so that narrowing by twos puts all in order. Saturating to 16 bits before the zero
 * point is added changes no output, since |zero point| <= 128. In assembly, for VLD4 wants four registers in a row. */
static inline void kws_mve_put_short(const kws_requant *q, kws_mve_scale scale, const int32_t *sums, uint32_t count,
                                     int8_t *output) {
    __asm__ volatile("vld40.32 {q0, q1, q2, q3}, [%[sums]]\n\t"
                     "vld41.32 {q0, q1, q2, q3}, [%[sums]]\n\t"
                     "vld42.32 {q0, q1, q2, q3}, [%[sums]]\n\t"
                     "vld43.32 {q0, q1, q2, q3}, [%[sums]]\n\t" KWS_MVE_RESCALE("q0", "q4") KWS_MVE_RESCALE("q1", "q0")
                         KWS_MVE_RESCALE("q2", "q1") KWS_MVE_RESCALE("q3", "q2") "vqmovnb.s32 q3, q4\n\t"
                                                                                 "vqmovnb.s32 q4, q0\n\t"
                                                                                 "vqmovnt.s32 q3, q1\n\t"
                                                                                 "vqmovnt.s32 q4, q2\n\t"
                                                                                 "vqadd.s16 q3, q3, %[zero]\n\t"
                                                                                 "vqadd.s16 q4, q4, %[zero]\n\t"
                                                                                 "vdup.8 q1, %[minimum]\n\t"
                                                                                 "vdup.8 q2, %[maximum]\n\t"
                                                                                 "vqmovnb.s16 q0, q3\n\t"
                                                                                 "vqmovnt.s16 q0, q4\n\t"
                                                                                 "vmax.s8 q0, q0, q1\n\t"
                                                                                 "vmin.s8 q0, q0, q2\n\t"
                                                                                 "vctp.8 %[count]\n\t"
                                                                                 "vpst\n\t"
                                                                                 "vstrbt.8 q0, [%[output]]"
                     :
                     : [sums] "r"(sums), [bias] "r"(scale.bias), [multiplier] "r"(scale.multiplier),
                       [shift] "r"(scale.shift), [zero] "r"(q->zero_point), [minimum] "r"(q->minimum),
                       [maximum] "r"(q->maximum), [count] "r"(count), [output] "r"(output)
                     : "d0", "d1", "d2", "d3", "d4", "d5", "d6", "d7", "d8", "d9", "p0", "memory");
}

/* Requantises sums with their biases, which may wrap, as the outputs of up to four pixels or channels; any shifts and
 * limits. `count`, at least one, are stored. */
void kws_mve_put_four(const kws_requant *q, int32x4_t x, int32x4_t multiplier, int32x4_t shift, uint32_t count,
                      int8_t *output);

/* Sixteen sums with any shift, out of line, since layers that training gives hardly need it. */
void kws_mve_put_any(const kws_requant *q, uint32_t channel, const int32_t *sums, uint32_t count, int8_t *output);

/* Requantises sixteen sums as outputs of `channel`, of which `count` are stored. */
static inline __attribute__((always_inline)) void kws_mve_put(const kws_requant *q, uint32_t channel,
                                                              const int32_t *sums, uint32_t count, int8_t *output) {
    const kws_mve_scale scale = kws_mve_scale_of(q, channel);
    if (scale.shift < 0) {
        kws_mve_put_short(q, scale, sums, count, output);
    } else {
        kws_mve_put_any(q, channel, sums, count, output);
    }
}

/* One sum of each of `count` channels, at most four, from `channel` on; four words are read of `sums`. */
void kws_mve_put_channels(const kws_requant *q, uint32_t channel, const int32_t *sums, uint32_t count, int8_t *output);

/* kws_unpack_row by vectors. */
const uint8_t *kws_mve_unpack_row(const int8_t *table, uint32_t bits, uint32_t depth, const uint8_t *source,
                                  int8_t *row);

/* kws_add where both inputs lie in memory as the output does. */
void kws_mve_add(const kws_elementwise *layer, const int8_t *a, const int8_t *b, int8_t *output, uint32_t bytes);
#endif

#endif /* KWS_MVE_H */
