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

/* The window with rows and columns changed over where the plane is one column: the same bytes, and one row. */
static inline kws_window kws_pool_upright(const kws_window *w) {
    kws_window turned = *w;
    if (w->in_width == 1 && w->out_width == 1 && w->width == 1) {
        turned.in_width = w->in_height;
        turned.out_width = w->out_height;
        turned.width = w->height;
        turned.stride_x = w->stride_y;
        turned.first_x = w->first_y;
        turned.in_height = turned.out_height = 1;
        turned.height = turned.stride_y = 1;
        turned.first_y = 0;
    }
    return turned;
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

/* Outputs beside each other whose windows lie in the plane: their inputs are a word, moved on by an input at a time. */
typedef struct {
    int32_t count, stride; /* 1 to 4 outputs; bytes of the word from one to the next */
    int32_t rows, columns, pitch;
    uint32_t channels; /* of which words may be read */
} kws_pool_run;

/* A window of one row or column of up to three inputs, or of two rows of two, has a loop of its own. */
#define KWS_POOL_BY_SIZE(function, layer, run, x, out)                    \
    do {                                                                  \
        const int32_t step_ = (run)->columns == 1 ? (run)->pitch : 1;     \
        const int32_t size_ = (run)->rows * (run)->columns;               \
        const int line_ = (run)->rows == 1 || (run)->columns == 1;        \
        if (size_ == 1) {                                                 \
            function(layer, run, 1, 1, step_, x, out);                    \
        } else if (size_ == 2) {                                          \
            function(layer, run, 1, 2, step_, x, out);                    \
        } else if (size_ == 3) {                                          \
            function(layer, run, 1, 3, step_, x, out);                    \
        } else if (size_ == 4 && !line_) {                                \
            function(layer, run, 2, 2, 1, x, out);                        \
        } else {                                                          \
            function(layer, run, (run)->rows, (run)->columns, 1, x, out); \
        }                                                                 \
    } while (0)

/* The outputs from place (oy, ox) on; none where one at a time is no worse. */
static inline kws_pool_run kws_pool_run_of(const kws_window *w, const kws_pool_view *v, int32_t ox, uint32_t channels) {
    const int32_t first = w->first_x + ox * w->stride_x, margin = w->in_width - w->width - first;
    const int32_t most = w->stride_x > 3 ? 1 : w->stride_x > 1 ? 2 : 4, left = w->out_width - ox;
    const int32_t from = first < 0 ? 0 : first, to = margin < 0 ? w->in_width : first + w->width;
    kws_pool_run run = {1, w->stride_x, v->rows, to - from, w->in_width, channels};
    if (v->columns != run.columns) { /* whole rows, which the view has as one */
        run.rows = v->columns / run.columns;
    }
    if (first >= 0 && margin >= 0) {
        run.count = margin / w->stride_x + 1;
        run.count = run.count < most ? run.count : most;
        run.count = run.count < left ? run.count : left;
    }
    /* words of inputs beside each other, against those of each output by itself and what becomes of their bytes */
    if (run.rows * run.columns > run.count * (run.rows * ((run.columns + 3) / 4) + 2)) {
        run.count = 0;
    }
    const int32_t beyond = v->start + (run.rows - 1) * run.pitch + run.columns + 3 - w->in_plane;
    if (beyond > 0) { /* the last channels' words end behind the tensor */
        const uint32_t last = ((uint32_t)beyond + w->in_plane - 1u) / w->in_plane;
        run.channels = channels > last ? channels - last : 0;
    }
    return run;
}
#endif

#endif /* KWS_POOL_VIEW_H */
