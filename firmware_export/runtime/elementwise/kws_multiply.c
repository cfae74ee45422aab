/* The product of two tensors with broadcasting. */
#include "kws_requantize.h"
#include "kws_shapes.h"

/* out = a * b, rescaled; a factor of two or more, which is rare, takes the long way. */
kws_status kws_multiply(const kws_elementwise *layer, const int8_t *a, const int8_t *b, int8_t *output) {
    if (layer == NULL || a == NULL || b == NULL || output == NULL ||
        !kws_plane_holds(layer->height, layer->width, layer->out_plane)) {
        return KWS_ERROR_ARGUMENT;
    }
    const kws_elementwise e = *layer; /* a copy, which writing to output cannot change */
    const int is_short = e.out_shift <= 0;
    const kws_short_scale scale = kws_short_scale_of(e.out_multiplier, is_short ? e.out_shift : 0);
    for (uint32_t c = 0; c < e.channels; c++) {
        int8_t *out = output + c * e.out_plane;
        for (uint32_t row = 0; row < e.height; row++) {
            const int8_t *x = a + c * e.a_channel + row * e.a_row;
            const int8_t *y = b + c * e.b_channel + row * e.b_row;
            for (uint32_t left = e.width; left > 0; left--) {
                const int32_t product = (*x - e.a_zero) * (*y - e.b_zero);
                const int32_t scaled =
                    is_short ? kws_rescale_short(product, &scale) : kws_rescale(product, e.out_multiplier, e.out_shift);
                *out++ = (int8_t)kws_clip(scaled + e.out_zero, e.minimum, e.maximum);
                x += e.a_column;
                y += e.b_column;
            }
        }
    }
    return KWS_OK;
}
