/* The sum of two tensors with broadcasting. */
#include <string.h>

#include "kws_mve.h"
#include "kws_requantize.h"
#include "kws_shapes.h"

#if KWS_DSP && !KWS_MVE
/* What the addition of two tensors of one shape needs where one input keeps its scale but for a power of two, as the
 * input with the larger scale always does: its part is (x - zero) * 2^19 without rounding. */
typedef struct {
    int32_t other_zero, other_multiplier, other_right; /* zero points negated */
    int32_t exact_zero;
    int32_t multiplier, right, zero; /* of the sum */
} kws_sum_scale;

/* One element from the bytes that `turn` bits bring to the end of both words; shifts round by adding the last bit that
 * is shifted out. In two parts, since a compiler that does not optimise has few registers to give. */
#define KWS_ADD_ONE(turn, to)                                                             \
    {                                                                                     \
        int32_t sum, term;                                                                \
        __asm__("sxtab %0, %1, %2, ror #" turn "\n\t"                                     \
                "lsl %0, %0, #21\n\t"                                                     \
                "smmulr %0, %0, %3\n\t"                                                   \
                "add %0, %0, %0, asr #31\n\t"                                             \
                "asrs %0, %0, %4\n\t"                                                     \
                "adc %0, %0, #0"                                                          \
                : "=&r"(sum)                                                              \
                : "r"(s.other_zero), "r"(x), "r"(s.other_multiplier), "r"(s.other_right)  \
                : "cc");                                                                  \
        __asm__("sxtab %1, %2, %3, ror #" turn "\n\t"                                     \
                "lsl %1, %1, #20\n\t"                                                     \
                "add %0, %1, %0, lsl #1\n\t"                                              \
                "smmulr %0, %0, %4\n\t"                                                   \
                "add %0, %0, %0, asr #31\n\t"                                             \
                "asrs %0, %0, %5\n\t"                                                     \
                "adc %0, %0, %6\n\t"                                                      \
                "ssat %0, #8, %0"                                                         \
                : "+&r"(sum), "=&r"(term)                                                 \
                : "r"(s.exact_zero), "r"(y), "r"(s.multiplier), "r"(s.right), "r"(s.zero) \
                : "cc");                                                                  \
        (to) = (int8_t)sum;                                                               \
    }

/* Bytes in fours; returns how many were done. */
static uint32_t kws_add_fours(kws_sum_scale s, const int8_t *other, const int8_t *exact, int8_t *output,
                              uint32_t bytes) {
    const int8_t *const end = other + (bytes & ~3u);
    while (other != end) {
        uint32_t x, y;
        memcpy(&x, other, 4);
        memcpy(&y, exact, 4);
        other += 4;
        exact += 4;
        KWS_ADD_ONE("0", output[0])
        KWS_ADD_ONE("8", output[1])
        KWS_ADD_ONE("16", output[2])
        KWS_ADD_ONE("24", output[3])
        output += 4;
    }
    return bytes & ~3u;
}

static int kws_keeps_scale(int32_t multiplier, int shift) {
    return shift == 0 && multiplier == (int32_t)1 << 30;
}

/* How many of `bytes` could be done the short way. */
static uint32_t kws_add_short(const kws_elementwise *e, const int8_t *a, const int8_t *b, int8_t *output,
                              uint32_t bytes) {
    const int first = kws_keeps_scale(e->a_multiplier, e->a_shift);
    const int second = kws_keeps_scale(e->b_multiplier, e->b_shift);
    if (first == second || e->a_shift + e->b_shift >= 0 || e->out_shift >= 0 || e->minimum != -128 ||
        e->maximum != 127) {
        return 0;
    }
    kws_sum_scale s = {-e->a_zero,        e->a_multiplier, -e->a_shift, -e->b_zero,
                       e->out_multiplier, -e->out_shift,   e->out_zero};
    if (second) {
        return kws_add_fours(s, a, b, output, bytes);
    }
    s.other_zero = -e->b_zero;
    s.other_multiplier = e->b_multiplier;
    s.other_right = -e->b_shift;
    s.exact_zero = -e->a_zero;
    return kws_add_fours(s, b, a, output, bytes);
}
#else
static uint32_t kws_add_short(const kws_elementwise *e, const int8_t *a, const int8_t *b, int8_t *output,
                              uint32_t bytes) {
#if KWS_MVE
    kws_mve_add(e, a, b, output, bytes);
    return bytes;
#else
    (void)e, (void)a, (void)b, (void)output, (void)bytes;
    return 0;
#endif
}
#endif

/* `count` outputs that are neighbours. */
static void kws_add_run(const kws_elementwise *e, const int8_t *a, uint32_t a_step, const int8_t *b, uint32_t b_step,
                        int8_t *output, uint32_t count) {
    const kws_short_scale scale_a = kws_short_scale_of(e->a_multiplier, e->a_shift);
    const kws_short_scale scale_b = kws_short_scale_of(e->b_multiplier, e->b_shift);
    const kws_short_scale scale_out = kws_short_scale_of(e->out_multiplier, e->out_shift);
    const int32_t a_zero = e->a_zero, b_zero = e->b_zero, out_zero = e->out_zero;
    const int32_t minimum = e->minimum, maximum = e->maximum;
    for (; count > 0; count--) {
        const int32_t x = kws_rescale_short((*a - a_zero) * (1 << 20), &scale_a);
        const int32_t y = kws_rescale_short((*b - b_zero) * (1 << 20), &scale_b);
        *output++ = (int8_t)kws_clip(kws_rescale_short(x + y, &scale_out) + out_zero, minimum, maximum);
        a += a_step;
        b += b_step;
    }
}

/* Whether an input lies in memory as the output does. */
static int kws_lies_alike(const kws_elementwise *e, uint32_t channel, uint32_t row, uint32_t column) {
    return (e->width == 1 || column == 1) && (e->height == 1 || row == e->width) &&
           (e->channels == 1 || channel == e->out_plane);
}

/* Both inputs are scaled up by 2^20 and brought to a common scale before they are added. No shift is positive, since
 * the common scale is twice the larger one; and all numbers stay below 2^29. */
kws_status kws_add(const kws_elementwise *layer, const int8_t *a, const int8_t *b, int8_t *output) {
    if (layer == NULL || a == NULL || b == NULL || output == NULL ||
        !kws_plane_holds(layer->height, layer->width, layer->out_plane)) {
        return KWS_ERROR_ARGUMENT;
    }
    const kws_elementwise *e = layer;
    if (kws_lies_alike(e, e->a_channel, e->a_row, e->a_column) &&
        kws_lies_alike(e, e->b_channel, e->b_row, e->b_column)) { /* one run, with the planes' padding */
        const uint32_t bytes = (uint32_t)e->channels * e->out_plane;
        const uint32_t done = kws_add_short(e, a, b, output, bytes);
        kws_add_run(e, a + done, 1, b + done, 1, output + done, bytes - done);
        return KWS_OK;
    }
    for (uint32_t c = 0; c < e->channels; c++) {
        for (uint32_t row = 0; row < e->height; row++) {
            const int8_t *x = a + c * e->a_channel + row * e->a_row;
            const int8_t *y = b + c * e->b_channel + row * e->b_row;
            kws_add_run(e, x, e->a_column, y, e->b_column, output + c * e->out_plane + row * e->width, e->width);
        }
    }
    return KWS_OK;
}
