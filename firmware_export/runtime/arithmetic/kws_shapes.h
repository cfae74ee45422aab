/* Whether the sizes of a layer fit each other: what a kernel asks before it touches a byte. */
#ifndef KWS_SHAPES_H
#define KWS_SHAPES_H

#include "kws_engine.h"

/* A plane of at least one pixel holds its rows and columns. */
static inline int kws_plane_holds(uint32_t height, uint32_t width, uint32_t plane) {
    return height * width - 1u < plane; /* of no pixels, the left is the largest number */
}

/* Both planes of a window hold their rows and columns. */
static inline int kws_planes_hold(const kws_window *w) {
    return kws_plane_holds(w->in_height, w->in_width, w->in_plane) &&
           kws_plane_holds(w->out_height, w->out_width, w->out_plane);
}

/* Every window of one axis sees at least one input. */
static inline int kws_windows_meet(int32_t first, int32_t size, int32_t stride, int32_t outputs, int32_t inputs) {
    return size > 0 && stride > 0 && first + size > 0 && first + (outputs - 1) * stride < inputs;
}

/* A window without dilation, as in pooling. */
static inline int kws_window_fits(const kws_window *w) {
    return kws_planes_hold(w) && kws_windows_meet(w->first_y, w->height, w->stride_y, w->out_height, w->in_height) &&
           kws_windows_meet(w->first_x, w->width, w->stride_x, w->out_width, w->in_width);
}

#endif /* KWS_SHAPES_H */
