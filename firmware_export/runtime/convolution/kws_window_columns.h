/* im2col of pairs of pixels for any window. */
#ifndef KWS_WINDOW_COLUMNS_H
#define KWS_WINDOW_COLUMNS_H

#include "kws_lanes.h"

/* Where the window of one output pixel begins; may be outside the plane. */
typedef struct {
    int32_t y;
    uint32_t x; /* wraps where negative, and is then beyond every width */
} kws_view;

static inline kws_view kws_view_of(const kws_window *w, uint32_t pixel) {
    const uint32_t pixels = (uint32_t)w->out_height * w->out_width;
    const uint32_t p = pixel < pixels ? pixel : pixels - 1; /* the plane's padding repeats its last pixel */
    kws_view view;
    view.y = w->first_y + (int32_t)(p / w->out_width) * w->stride_y;
    view.x = (uint32_t)(w->first_x + (int32_t)(p % w->out_width) * w->stride_x);
    return view;
}

/* A row of the plane, of no width where it is outside. */
typedef struct {
    const int8_t *line;
    uint32_t width;
} kws_row_view;

static inline kws_row_view kws_row_of(const kws_window *w, const int8_t *plane, int32_t y) {
    kws_row_view row = {plane, 0};
    if (y >= 0 && y < w->in_height) {
        row.line = plane + y * w->in_width;
        row.width = w->in_width;
    }
    return row;
}

static inline int32_t kws_tap(kws_row_view row, uint32_t x, int32_t outside) {
    return x < row.width ? row.line[x] : outside;
}

/* Row (c, ky, kx) of the columns, `step` numbers apart, is what that tap sees at output pixels pixel..pixel + 2 * pairs
 * - 1. */
static inline void kws_window_columns(const kws_conv *layer, const int8_t *input, uint32_t pixel, kws_lane *columns,
                                      uint32_t pairs, uint32_t step) {
    const kws_window *w = &layer->window;
    const uint32_t channels = (uint32_t)layer->depth / ((uint32_t)w->height * w->width);
    const int32_t outside = w->zero_point;
    const uint32_t apart = w->dilation_x;
    for (uint32_t pair = 0; pair < pairs; pair++) {
        const kws_view a = kws_view_of(w, pixel + 2 * pair);
        const kws_view b = kws_view_of(w, pixel + 2 * pair + 1);
        kws_lane *row = columns;
        const int8_t *plane = input;
        for (uint32_t c = channels; c > 0; c--) {
            int32_t down = 0;
            for (uint32_t ky = w->height; ky > 0; ky--) {
                const kws_row_view line_a = kws_row_of(w, plane, a.y + down);
                const kws_row_view line_b = kws_row_of(w, plane, b.y + down);
                uint32_t xa = a.x, xb = b.x;
                for (uint32_t kx = w->width; kx > 0; kx--) {
                    kws_put_pair(row, pair, kws_tap(line_a, xa, outside), kws_tap(line_b, xb, outside));
                    row += step;
                    xa += apart;
                    xb += apart;
                }
                down += w->dilation_y;
            }
            plane += w->in_plane;
        }
    }
}

#endif /* KWS_WINDOW_COLUMNS_H */
