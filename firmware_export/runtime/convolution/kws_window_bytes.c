/* im2col of eight pixels for any window, as bytes. */
#include "kws_window_bytes.h"

#include "kws_lanes.h"
#include "kws_range.h"

/* What the window that begins at (y, x) sees. */
static void kws_put_pixel(const kws_window *w, kws_seen *seen, const int8_t *input, int32_t y, int32_t x, int8_t *at) {
    const kws_range columns = kws_inside(x, w->width, w->dilation_x, w->in_width);
    const kws_range rows = kws_inside(y, w->height, w->dilation_y, w->in_height);
    seen->lines = rows.to - rows.from;
    seen->count = columns.to - columns.from;
    input += y * w->in_width + rows.from * seen->pitch + x + columns.from * seen->step;
    kws_put_seen(seen, input, at + rows.from * seen->apart + columns.from * KWS_BLOCK);
}

void kws_window_bytes(const kws_conv *layer, const int8_t *input, uint32_t pixel, int8_t *bytes) {
    const kws_window *w = &layer->window;
    const uint32_t pixels = (uint32_t)w->out_height * w->out_width, count = kws_block_count(w->out_plane, pixel);
    const uint32_t outside = (uint8_t)w->zero_point * 0x01010101u;
    uint32_t *words = (uint32_t *)(void *)bytes;
    for (uint32_t left = layer->depth; left > 0; left--) {
        words[0] = outside;
        words[1] = outside;
        words += 2;
    }
    kws_seen seen;
    seen.step = w->dilation_x;
    seen.pitch = w->dilation_y * w->in_width;
    seen.apart = w->width * KWS_BLOCK;
    seen.plane = w->in_plane;
    seen.depth = layer->depth;
    seen.taps = w->height * w->width;
    seen.window = seen.taps * KWS_BLOCK;
    uint32_t oy = pixel / w->out_width, ox = pixel % w->out_width;
    for (uint32_t i = 0; i < count; i++) {
        const int32_t y = w->first_y + (int32_t)oy * w->stride_y, x = w->first_x + (int32_t)ox * w->stride_x;
        kws_put_pixel(w, &seen, input, y, x, bytes + i);
        if (pixel + i + 1u < pixels && ++ox == w->out_width) {
            ox = 0;
            oy++;
        }
    }
}
