/* Average pooling. */
#include <string.h>

#include "kws_mve_dot.h"
#include "kws_shapes.h"

typedef struct {
    int32_t from, to;
} kws_range;

/* The part of a window that lies inside, and zero length where none does. */
static kws_range kws_inside(int32_t first, int32_t size, int32_t limit) {
    kws_range r;
    r.from = first < 0 ? 0 : first;
    r.to = first + size < limit ? first + size : limit;
    return r;
}

static int32_t kws_sum_of(const int8_t *x, int32_t count) {
#if KWS_MVE
    return kws_mve_sum(x, (uint32_t)count);
#else
    int32_t sum = 0;
#if KWS_DSP /* USADA8 adds four bytes; they are moved by 128, and so is the sum in the end */
    uint32_t moved = 0;
    const int32_t words = count / 4;
    for (int32_t left = words; left > 0; left--) {
        uint32_t four;
        memcpy(&four, x, sizeof four);
        four ^= 0x80808080u;
        __asm__("usada8 %0, %1, %2, %0" : "+r"(moved) : "r"(four), "r"(0));
        x += 4;
    }
    sum = (int32_t)moved - 512 * words;
    count -= 4 * words;
#else
    for (; count >= 4; count -= 4) {
        sum += x[0] + x[1] + x[2] + x[3];
        x += 4;
    }
#endif
    for (; count > 0; count--) {
        sum += *x++;
    }
    return sum;
#endif
}

/* Mean of the inputs inside the window, rounded to nearest, ties away from zero. */
kws_status kws_average_pool(const kws_pool *layer, const int8_t *input, int8_t *output) {
    if (layer == NULL || input == NULL || output == NULL || !kws_window_fits(&layer->window)) {
        return KWS_ERROR_ARGUMENT;
    }
    const kws_window *w = &layer->window;
    for (uint32_t c = 0; c < layer->channels; c++) {
        int8_t *out = output;
        for (int32_t oy = 0; oy < w->out_height; oy++) {
            const kws_range ys = kws_inside(w->first_y + oy * w->stride_y, w->height, w->in_height);
            for (int32_t ox = 0; ox < w->out_width; ox++) {
                const kws_range xs = kws_inside(w->first_x + ox * w->stride_x, w->width, w->in_width);
                const int32_t count = (ys.to - ys.from) * (xs.to - xs.from);
                const int whole = xs.to - xs.from == w->in_width; /* these rows lie one after the other */
                const int32_t length = whole ? count : xs.to - xs.from;
                const int8_t *x = input + ys.from * w->in_width + xs.from;
                int32_t sum = 0;
                for (int32_t left = count; left > 0; left -= length) {
                    sum += kws_sum_of(x, length);
                    x += w->in_width;
                }
                sum = (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
                sum = sum < layer->minimum ? layer->minimum : sum;
                *out++ = (int8_t)(sum > layer->maximum ? layer->maximum : sum);
            }
        }
        input += w->in_plane;
        output += w->out_plane;
    }
    return KWS_OK;
}
