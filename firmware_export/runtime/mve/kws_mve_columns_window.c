/* im2col of sixteen pixels for any window, for products along the rows of weights. */
#include "kws_mve_columns.h"

#if KWS_MVE
/* Where the windows of a block's pixels begin, and the same as a place in the plane; may be outside. */
typedef struct {
    int32_t y[KWS_MVE_BLOCK], x[KWS_MVE_BLOCK], place[KWS_MVE_BLOCK];
    uint32_t count;
} kws_mve_origins;

/* The plane's padding repeats its last pixel. */
static void kws_mve_find_origins(const kws_window *w, uint32_t pixel, kws_mve_origins *from) {
    const uint32_t pixels = (uint32_t)w->out_height * w->out_width;
    uint32_t oy = pixel / w->out_width, ox = pixel % w->out_width;
    from->count = kws_mve_count(w->out_plane, pixel);
    for (uint32_t i = 0; i < from->count; i++) {
        from->y[i] = w->first_y + (int32_t)(oy * w->stride_y);
        from->x[i] = w->first_x + (int32_t)(ox * w->stride_x);
        from->place[i] = from->y[i] * w->in_width + from->x[i];
        if (pixel + i + 1u < pixels && ++ox == w->out_width) {
            ox = 0;
            oy++;
        }
    }
}

/* A tap: its place in the window, and that of its channel. */
typedef struct {
    uint32_t channel, y, x;
} kws_mve_tap;

static void kws_mve_step(const kws_window *w, kws_mve_tap *tap) {
    if (++tap->x == w->width) {
        tap->x = 0;
        if (++tap->y == w->height) {
            tap->y = 0;
            tap->channel++;
        }
    }
}

/* Where the taps of pixel i go: `to` + (i % 4) * step + (i / 4) * group. */
typedef struct {
    int8_t *to;
    uint32_t step, group;
} kws_mve_target;

#define KWS_MVE_TAPS 8u           /* at once */
#define KWS_MVE_LARGE_PLANE 8192u /* where positions of so many taps would leave 16 bits */

/* Up to eight taps of every pixel; those of a plane have 16-bit positions. */
static void kws_mve_put_taps(const kws_window *w, const int8_t *input, const kws_mve_origins *from, kws_mve_tap *tap,
                             uint32_t taps, kws_mve_target target) {
    uint16_t offset[KWS_MVE_TAPS] = {0}, down[KWS_MVE_TAPS] = {0}, right[KWS_MVE_TAPS] = {0};
    const uint32_t first = tap->channel * w->in_plane;
    for (uint32_t i = 0; i < taps; i++) {
        down[i] = (uint16_t)(tap->y * w->dilation_y);
        right[i] = (uint16_t)(tap->x * w->dilation_x);
        offset[i] = (uint16_t)(tap->channel * w->in_plane - first + (uint32_t)down[i] * w->in_width + right[i]);
        kws_mve_step(w, tap);
    }
    const uint16x8_t offsets = vldrhq_u16(offset), ys = vldrhq_u16(down), xs = vldrhq_u16(right);
    const uint16x8_t height = vdupq_n_u16(w->in_height), width = vdupq_n_u16(w->in_width);
    const int16x8_t outside = vdupq_n_s16(w->zero_point);
    const mve_pred16_t there = vctp16q(taps);
    const int8_t *x = input + first;
    const uint32_t count = from->count;
    for (uint32_t i = 0; i < count; i++) {
        mve_pred16_t inside = vcmphiq_m_u16(height, vaddq_n_u16(ys, (uint16_t)from->y[i]), there);
        inside = vcmphiq_m_u16(width, vaddq_n_u16(xs, (uint16_t)from->x[i]), inside);
        const int16x8_t seen = vldrbq_gather_offset_z_s16(x + from->place[i], offsets, inside);
        vstrbq_p_s16(target.to, vpselq_s16(seen, outside, inside), there);
        target.to += (i & 3u) == 3u ? target.group - 3u * target.step : target.step;
    }
}

/* One tap after the other, for large planes. */
static void kws_mve_put_slowly(const kws_window *w, const int8_t *input, const kws_mve_origins *from, kws_mve_tap *tap,
                               uint32_t taps, kws_mve_target target) {
    for (; taps > 0; taps--) {
        const int8_t *plane = input + tap->channel * w->in_plane;
        const int32_t down = (int32_t)(tap->y * w->dilation_y), right = (int32_t)(tap->x * w->dilation_x);
        for (uint32_t i = 0; i < from->count; i++) {
            const int32_t y = from->y[i] + down, x = from->x[i] + right;
            const int inside = y >= 0 && y < w->in_height && x >= 0 && x < w->in_width;
            target.to[(i & 3u) * target.step + (i >> 2) * target.group] =
                inside ? plane[y * w->in_width + x] : w->zero_point;
        }
        target.to++;
        kws_mve_step(w, tap);
    }
}

void kws_mve_columns_window(const kws_conv *layer, const int8_t *input, uint32_t pixel, void *columns) {
    const kws_window *w = &layer->window;
    const uint32_t depth = layer->depth, whole = depth & ~15u, rest = depth & 15u;
    kws_mve_tap tap = {0, 0, 0};
    kws_mve_origins from;
    kws_mve_find_origins(w, pixel, &from);
    for (uint32_t k = 0; k < depth; k += KWS_MVE_TAPS) {
        kws_mve_target target = {(int8_t *)columns, k < whole ? 16u : rest, 4u * depth};
        target.to += k < whole ? 4u * (k & ~15u) + (k & 15u) : 3u * whole + k;
        const uint32_t taps = depth - k < KWS_MVE_TAPS ? depth - k : KWS_MVE_TAPS;
        if (w->in_plane < KWS_MVE_LARGE_PLANE) {
            kws_mve_put_taps(w, input, &from, &tap, taps, target);
        } else {
            kws_mve_put_slowly(w, input, &from, &tap, taps, target);
        }
    }
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
