/* Copying the inputs of one channel into the padded plane. */
#include "kws_plane.h"

void kws_plane_load(const kws_plane *plane, const int8_t *input, int16_t *padded) {
    const int8_t *from = input + plane->major_skip * plane->in_major_step + plane->minor_skip * plane->in_minor_step;
    int16_t *to = padded + plane->major_from * plane->pitch + plane->minor_from;
    const int32_t count = plane->minor_to - plane->minor_from;
    const int32_t step = plane->in_minor_step;
    for (int32_t major = plane->major_from; major < plane->major_to; major++) {
        const int8_t *x = from;
        int16_t *y = to;
        int32_t left = count;
        for (; left >= 4; left -= 4) {
            y[0] = x[0];
            x += step;
            y[1] = x[0];
            x += step;
            y[2] = x[0];
            x += step;
            y[3] = x[0];
            x += step;
            y += 4;
        }
        for (; left > 0; left--) {
            *y++ = *x;
            x += step;
        }
        from += plane->in_major_step;
        to += plane->pitch;
    }
}
