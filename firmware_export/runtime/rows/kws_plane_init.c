/* Where the padded plane of a window lies, and how it is walked through. */
#include "kws_plane.h"

void kws_plane_init(kws_plane *plane, const kws_window *w) {
    const int32_t height = (w->out_height - 1) * w->stride_y + (w->height - 1) * w->dilation_y + 1;
    const int32_t width = (w->out_width - 1) * w->stride_x + (w->width - 1) * w->dilation_x + 1;
    int32_t y_from, y_to, y_skip, x_from, x_to, x_skip;
    kws_overlap(w->first_y, height, w->in_height, &y_from, &y_to, &y_skip);
    kws_overlap(w->first_x, width, w->in_width, &x_from, &x_to, &x_skip);
    /* run along the longer side of the window, or else of the output: down the columns, or along the rows */
    if (w->height > w->width || (w->height == w->width && w->out_height > w->out_width)) {
        const kws_plane p = {width,        height,      0,           w->out_width,  w->out_height, 1,
                             w->out_width, 1,           w->in_width, x_from,        x_to,          x_skip,
                             y_from,       y_to,        y_skip,      w->width,      w->height,     1,
                             w->width,     w->stride_x, w->stride_y, w->dilation_x, w->dilation_y};
        *plane = p;
    } else {
        const kws_plane p = {height, width,       0,           w->out_height, w->out_width, w->out_width,
                             1,      w->in_width, 1,           y_from,        y_to,         y_skip,
                             x_from, x_to,        x_skip,      w->height,     w->width,     w->width,
                             1,      w->stride_y, w->stride_x, w->dilation_y, w->dilation_x};
        *plane = p;
    }
    plane->pitch = (plane->minor + 1) & ~1; /* even, so that pairs stay aligned */
}
