/* The part of a pool's window that lies inside the plane. */
#ifndef KWS_POOL_VIEW_H
#define KWS_POOL_VIEW_H

#include <string.h>

#include "kws_shapes.h"

/* `rows` runs of `columns` bytes, `pitch` bytes apart, the first at `start` of the plane; one run where the rows are
 * whole. */
typedef struct {
    int32_t start, rows, columns, pitch;
} kws_pool_view;

static inline kws_pool_view kws_pool_view_of(const kws_window *w, int32_t oy, int32_t ox) {
    const int32_t y = w->first_y + oy * w->stride_y, x = w->first_x + ox * w->stride_x;
    const int32_t y_from = y < 0 ? 0 : y, x_from = x < 0 ? 0 : x;
    const int32_t y_to = y + w->height < w->in_height ? y + w->height : w->in_height;
    const int32_t x_to = x + w->width < w->in_width ? x + w->width : w->in_width;
    kws_pool_view v = {y_from * w->in_width + x_from, y_to - y_from, x_to - x_from, w->in_width};
    if (v.columns == w->in_width) {
        v.columns *= v.rows;
        v.rows = 1;
    }
    return v;
}

#if defined(__GNUC__)
#define KWS_LAID_OUT static inline __attribute__((always_inline))
#else
#define KWS_LAID_OUT static inline
#endif

#if KWS_DSP
/* Whether reading whole words stays within the plane, and the bytes of a run's last word that belong to it. */
static inline int kws_pool_words_fit(const kws_window *w, const kws_pool_view *v) {
    return v->start + (v->rows - 1) * v->pitch + ((v->columns + 3) & ~3) <= w->in_plane;
}

static inline uint32_t kws_pool_mask(const kws_pool_view *v) {
    return v->columns % 4 == 0 ? 0 : ~(~0u << (8 * (v->columns % 4)));
}

static inline uint32_t kws_pool_word(const int8_t *x) {
    uint32_t word;
    memcpy(&word, x, 4);
    return word;
}
#endif

#endif /* KWS_POOL_VIEW_H */
