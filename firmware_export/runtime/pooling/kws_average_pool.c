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

#if KWS_DSP
/* `sum` and four bytes, each moved by 128. */
static inline uint32_t kws_add_four(const int8_t *x, uint32_t sum) {
    uint32_t four;
    memcpy(&four, x, sizeof four);
    four ^= 0x80808080u;
    __asm__("usada8 %0, %1, %2, %0" : "+r"(sum) : "r"(four), "r"(0));
    return sum;
}
#endif

static int32_t kws_sum_of(const int8_t *x, int32_t count) {
#if KWS_MVE
    return kws_mve_sum(x, (uint32_t)count);
#else
    int32_t sum = 0;
#if KWS_DSP /* USADA8 adds four bytes without a sign; the sum is moved back in the end */
    uint32_t moved = 0;
    const int32_t words = count / 4;
    int32_t left = words;
    for (; left >= 4; left -= 4) {
        moved = kws_add_four(x + 12, kws_add_four(x + 8, kws_add_four(x + 4, kws_add_four(x, moved))));
        x += 16;
    }
    for (; left > 0; left--) {
        moved = kws_add_four(x, moved);
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

static inline int8_t kws_mean_of(const kws_pool *layer, int32_t sum, int32_t half, int32_t count) {
    const int32_t mean = (sum > 0 ? sum + half : sum - half) / count;
    const int32_t above = mean < layer->minimum ? layer->minimum : mean;
    return (int8_t)(above > layer->maximum ? layer->maximum : above);
}

/* Whether the one window sees the whole plane. */
static int kws_one_mean(const kws_window *w) {
    return w->out_height == 1 && w->out_width == 1 && w->first_y <= 0 && w->first_x <= 0 &&
           w->first_y + w->height >= w->in_height && w->first_x + w->width >= w->in_width;
}

/* Mean of the inputs inside the window, rounded to nearest, ties away from zero. */
kws_status kws_average_pool(const kws_pool *layer, const int8_t *input, int8_t *output) {
    if (layer == NULL || input == NULL || output == NULL || !kws_window_fits(&layer->window)) {
        return KWS_ERROR_ARGUMENT;
    }
    const kws_window *w = &layer->window;
    if (kws_one_mean(w)) { /* each plane is one run */
        const int32_t count = w->in_height * w->in_width, half = count / 2;
        for (uint32_t c = 0; c < layer->channels; c++) {
            const int32_t sum = kws_sum_of(input, count);
            *output = kws_mean_of(layer, sum, half, count);
            input += w->in_plane;
            output += w->out_plane;
        }
        return KWS_OK;
    }
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
                *out++ = kws_mean_of(layer, sum, count / 2, count);
            }
        }
        input += w->in_plane;
        output += w->out_plane;
    }
    return KWS_OK;
}
