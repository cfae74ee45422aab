/* Columns of any window for kws_conv_dense_pairs. */
#include "kws_lanes.h"

#if KWS_ROW_PAIRS
/* The taps `from` to `to` of a line lie inside it. */
typedef struct {
    int32_t from, to;
} kws_range;

static kws_range kws_inside(int32_t first, int32_t taps, int32_t step, int32_t limit) {
    kws_range r = {0, taps};
    while (r.from < taps && first + r.from * step < 0) {
        r.from++;
    }
    while (r.to > r.from && first + (r.to - 1) * step >= limit) {
        r.to--;
    }
    return r;
}

/* The next inputs of one pixel go beside the one before, or into the next column row: `at` is where, `odd` which. */
static inline int16_t *kws_put_next(int16_t *at, uint32_t *odd, int32_t value) {
    *at = (int16_t)value;
    at += *odd ? 2 * KWS_BLOCK - 1 : 1;
    *odd ^= 1u;
    return at;
}

static int16_t *kws_put_line(int16_t *at, uint32_t *odd, const int8_t *line, kws_range inside, int32_t taps,
                             int32_t step, int32_t outside) {
    for (int32_t kx = 0; kx < taps; kx++) {
        at = kws_put_next(at, odd, kx >= inside.from && kx < inside.to ? line[kx * step] : outside);
    }
    return at;
}

/* Two at once, where the line lies inside and begins a column row. */
static inline int16_t *kws_put_whole_line(int16_t *at, const int8_t *line, int32_t taps) {
    for (; taps > 0; taps -= 2) {
        *(uint32_t *)(void *)at = ((uint32_t)line[0] & 0xffffu) | ((uint32_t)line[1] << 16);
        line += 2;
        at += 2 * KWS_BLOCK;
    }
    return at;
}

/* What the window of one pixel sees, channel by channel. */
static void kws_put_pixel(const kws_conv *layer, const int8_t *input, int32_t y, int32_t x, int16_t *at) {
    const kws_window *w = &layer->window;
    const kws_range columns = kws_inside(x, w->width, w->dilation_x, w->in_width);
    const kws_range rows = kws_inside(y, w->height, w->dilation_y, w->in_height);
    const kws_range nothing = {0, 0};
    const int32_t taps = w->width, down = w->dilation_y * w->in_width;
    const int by_two = w->dilation_x == 1 && taps % 2 == 0 && columns.from == 0 && columns.to == taps;
    const uint32_t window = (uint32_t)w->height * w->width;
    uint32_t odd = 0;
    for (uint32_t k = 0; k < layer->depth; k += window) {
        const int8_t *line = input + y * w->in_width + x;
        for (int32_t ky = 0; ky < w->height; ky++) {
            const int inside = ky >= rows.from && ky < rows.to;
            if (inside && by_two) { /* all lines are even, so `odd` stays 0 */
                at = kws_put_whole_line(at, line, taps);
            } else {
                at = kws_put_line(at, &odd, line, inside ? columns : nothing, taps, w->dilation_x, w->zero_point);
            }
            line += down;
        }
        input += w->in_plane;
    }
    if (odd) {
        *at = 0;
    }
}

/* Any window; the plane's padding repeats its last pixel. */
void kws_gather_window_pairs(const kws_conv *layer, const int8_t *input, uint32_t pixel, void *columns) {
    const kws_window *w = &layer->window;
    const uint32_t pixels = (uint32_t)w->out_height * w->out_width;
    uint32_t oy = pixel / w->out_width, ox = pixel % w->out_width;
    for (uint32_t i = 0; i < kws_block_count(w->out_plane, pixel); i++) {
        const int32_t y = w->first_y + (int32_t)oy * w->stride_y, x = w->first_x + (int32_t)ox * w->stride_x;
        kws_put_pixel(layer, input, y, x, (int16_t *)columns + 2 * i);
        if (pixel + i + 1u < pixels && ++ox == w->out_width) {
            ox = 0;
            oy++;
        }
    }
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
