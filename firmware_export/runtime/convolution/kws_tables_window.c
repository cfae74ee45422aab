/* The tables of sums of any window, for kws_conv_planes. */
#include "kws_lanes.h"
#include "kws_planes.h"

#if !KWS_MVE
/* The taps `from` to `to` of a line or column lie inside the plane. */
typedef struct {
    int32_t from, to;
} kws_range;

static inline kws_range kws_inside(int32_t first, int32_t taps, int32_t step, int32_t limit) {
    kws_range r = {0, taps};
    if (first < 0) {
        r.from = (step - 1 - first) / step;
    }
    if (first + (taps - 1) * step >= limit) {
        r.to = (limit - first + step - 1) / step;
    }
    r.to = r.to < r.from ? r.from : r.to;
    return r;
}

/* Lines of inputs `step` apart, a byte of every eight; `pitch` and `apart` bytes from one line to the next. */
static void kws_put_lines(const int8_t *line, int8_t *to, int32_t lines, int32_t count, int32_t step, int32_t pitch,
                          int32_t apart) {
    for (; lines > 0; lines--) {
        const int8_t *x = line;
        int8_t *put = to;
        int32_t left = count;
        for (; left > 1; left -= 2) {
            const int8_t first = x[0], second = x[step];
            put[0] = first;
            put[KWS_BLOCK] = second;
            x += 2 * step;
            put += 2 * KWS_BLOCK;
        }
        if (left > 0) {
            *put = *x;
        }
        line += pitch;
        to += apart;
    }
}

/* What the window of one pixel sees of the plane. */
static void kws_put_pixel(const kws_conv *layer, const int8_t *input, int32_t y, int32_t x, int8_t *at) {
    const kws_window *w = &layer->window;
    const kws_range columns = kws_inside(x, w->width, w->dilation_x, w->in_width);
    const kws_range rows = kws_inside(y, w->height, w->dilation_y, w->in_height);
    const int32_t taps = w->height * w->width, pitch = w->dilation_y * w->in_width, apart = w->width * KWS_BLOCK;
    input += y * w->in_width + rows.from * pitch + x + columns.from * w->dilation_x;
    at += rows.from * apart + columns.from * KWS_BLOCK;
    for (int32_t left = layer->depth; left > 0; left -= taps) {
        kws_put_lines(input, at, rows.to - rows.from, columns.to - columns.from, w->dilation_x, pitch, apart);
        input += w->in_plane;
        at += taps * KWS_BLOCK;
    }
}

/* Sums of every four inputs of the windows of pixels pixel..pixel+7; the plane's padding repeats its last pixel. */
void kws_tables_window(const kws_conv *layer, const int8_t *input, uint32_t pixel, void *tables) {
    const kws_window *w = &layer->window;
    const uint32_t pixels = (uint32_t)w->out_height * w->out_width, count = kws_block_count(w->out_plane, pixel);
    const uint32_t tabled = KWS_TABLES(layer->depth), outside = (uint8_t)w->zero_point * 0x01010101u;
    uint32_t *words = (uint32_t *)(kws_planes_scales(layer, tables) + layer->channels);
    for (uint32_t i = 0; i < tabled * KWS_GROUP * 2u; i++) {
        words[i] = i < layer->depth * 2u ? outside : 0;
    }
    uint32_t oy = pixel / w->out_width, ox = pixel % w->out_width;
    for (uint32_t i = 0; i < count; i++) {
        const int32_t y = w->first_y + (int32_t)oy * w->stride_y, x = w->first_x + (int32_t)ox * w->stride_x;
        kws_put_pixel(layer, input, y, x, (int8_t *)words + i);
        if (pixel + i + 1u < pixels && ++ox == w->out_width) {
            ox = 0;
            oy++;
        }
    }
    kws_planes_tables((const int8_t *)words, KWS_BLOCK, tabled, (uint32_t *)tables);
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
