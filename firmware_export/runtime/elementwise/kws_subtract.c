/* The difference of two tensors, brought to a common scale as in kws_add. */
#include "kws_requantize.h"
#include "kws_shapes.h"

/* Both inputs are scaled up by 2^20 and brought to a common scale before b is taken from a. No shift is positive, since
 * the common scale is twice the larger one; and all numbers stay below 2^29. */
kws_status kws_subtract(const kws_elementwise *layer, const int8_t *a, const int8_t *b, int8_t *output) {
    if (layer == NULL || a == NULL || b == NULL || output == NULL ||
        !kws_plane_holds(layer->height, layer->width, layer->out_plane)) {
        return KWS_ERROR_ARGUMENT;
    }
    const kws_elementwise e = *layer; /* a copy, which writing to output cannot change */
    const kws_short_scale scale_a = kws_short_scale_of(e.a_multiplier, e.a_shift);
    const kws_short_scale scale_b = kws_short_scale_of(e.b_multiplier, e.b_shift);
    const kws_short_scale scale_out = kws_short_scale_of(e.out_multiplier, e.out_shift);
    for (uint32_t c = 0; c < e.channels; c++) {
        int8_t *out = output + c * e.out_plane;
        for (uint32_t row = 0; row < e.height; row++) {
            const int8_t *x = a + c * e.a_channel + row * e.a_row;
            const int8_t *y = b + c * e.b_channel + row * e.b_row;
            for (uint32_t left = e.width; left > 0; left--) {
                const int32_t from = kws_rescale_short((*x - e.a_zero) * (1 << 20), &scale_a);
                const int32_t taken = kws_rescale_short((*y - e.b_zero) * (1 << 20), &scale_b);
                const int32_t scaled = kws_rescale_short(from - taken, &scale_out);
                *out++ = (int8_t)kws_clip(scaled + e.out_zero, e.minimum, e.maximum);
                x += e.a_column;
                y += e.b_column;
            }
        }
    }
    return KWS_OK;
}
