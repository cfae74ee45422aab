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

/* Inputs of one pixel, the first under weight number `k`: even ones into the lower half of a column row, odd ones
 * beside them. */
static void kws_put_line(int16_t *at, uint32_t k, const int8_t *line, int32_t count, int32_t step) {
    at += k / 2u * (2 * KWS_BLOCK) + k % 2u;
    for (uint32_t odd = k % 2u; count > 0; count--) {
        *at = *line;
        line += step;
        at += odd ? 2 * KWS_BLOCK - 1 : 1;
        odd ^= 1u;
    }
}

/* Two at once, an even number of neighbours from an even weight on. */
static inline void kws_put_whole_line(int16_t *at, const int8_t *line, int32_t taps) {
    for (; taps > 0; taps -= 2) {
        *(uint32_t *)(void *)at = ((uint32_t)line[0] & 0xffffu) | ((uint32_t)line[1] << 16);
        line += 2;
        at += 2 * KWS_BLOCK;
    }
}

/* One value under every weight of a pixel, and nothing beside the last of an odd number. */
static void kws_fill_pixel(int16_t *at, uint32_t depth, int32_t value) {
    const uint32_t both = ((uint32_t)value & 0xffffu) | ((uint32_t)value << 16);
    uint32_t *word = (uint32_t *)(void *)at;
    for (uint32_t steps = depth / 2u; steps > 0; steps--) {
        *word = both;
        word += KWS_BLOCK;
    }
    if (depth % 2u != 0) {
        *word = (uint32_t)value & 0xffffu;
    }
}

/* What the window of one pixel sees, channel by channel; what is outside is filled in first. */
static void kws_put_pixel(const kws_conv *layer, const int8_t *input, int32_t y, int32_t x, int16_t *at) {
    const kws_window *w = &layer->window;
    const kws_range columns = kws_inside(x, w->width, w->dilation_x, w->in_width);
    const kws_range rows = kws_inside(y, w->height, w->dilation_y, w->in_height);
    const int32_t taps = w->width, inside = columns.to - columns.from, lines = rows.to - rows.from;
    const int by_two = w->dilation_x == 1 && taps % 2 == 0 && inside == taps;
    const int whole = lines == w->height && inside == taps;
    if (!whole || layer->depth % 2u != 0) {
        kws_fill_pixel(at, layer->depth, w->zero_point);
    }
    input += (y + rows.from * w->dilation_y) * w->in_width + x + columns.from * w->dilation_x;
    uint32_t first = (uint32_t)(rows.from * taps + columns.from);
    for (; first < layer->depth; first += (uint32_t)w->height * w->width) {
        const int8_t *line = input;
        uint32_t k = first;
        for (int32_t left = lines; left > 0; left--) {
            if (by_two) {
                kws_put_whole_line(at + k * KWS_BLOCK, line, taps);
            } else {
                kws_put_line(at, k, line, inside, w->dilation_x);
            }
            k += (uint32_t)taps;
            line += w->dilation_y * w->in_width;
        }
        input += w->in_plane;
    }
}

/* Any window; the plane's padding repeats its last pixel. */
void kws_im2col_window_pairs(const kws_conv *layer, const int8_t *input, uint32_t pixel, void *columns) {
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
