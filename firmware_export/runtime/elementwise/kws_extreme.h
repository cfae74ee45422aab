/* The larger or the smaller of two numbers of one scale, element by element, with broadcasting. */
#ifndef KWS_EXTREME_H
#define KWS_EXTREME_H

#include "kws_shapes.h"

/* Multipliers, shifts, zero points and limits of the structure are not used; `larger` is 0 or 1. */
static inline kws_status kws_extreme(const kws_elementwise *layer, const int8_t *a, const int8_t *b, int8_t *output,
                                     int larger) {
    if (layer == NULL || a == NULL || b == NULL || output == NULL ||
        !kws_plane_holds(layer->height, layer->width, layer->out_plane)) {
        return KWS_ERROR_ARGUMENT;
    }
    const kws_elementwise e = *layer; /* a copy, which writing to output cannot change */
    for (uint32_t c = 0; c < e.channels; c++) {
        int8_t *out = output + c * e.out_plane;
        for (uint32_t row = 0; row < e.height; row++) {
            const int8_t *x = a + c * e.a_channel + row * e.a_row;
            const int8_t *y = b + c * e.b_channel + row * e.b_row;
            for (uint32_t left = e.width; left > 0; left--) {
                *out++ = (*x > *y) == larger ? *x : *y;
                x += e.a_column;
                y += e.b_column;
            }
        }
    }
    return KWS_OK;
}

#endif
