/* What taps see in the windows of sixteen pixels. */
#include "kws_mve_window.h"

#if KWS_MVE
#define KWS_MVE_LARGE_PLANE 8192u /* where positions of eight taps would leave 16 bits */

static __attribute__((noinline)) void kws_mve_step(const kws_window *w, kws_mve_tap *tap) {
    if (++tap->x == w->width) {
        tap->x = 0;
        if (++tap->y == w->height) {
            tap->y = 0;
            tap->channel++;
        }
    }
}

/* The inputs at `offsets` from x, `outside` where row or column is not inside. In assembly, for GCC 12 moves predicates
 * to and fro. */
static inline int16x8_t kws_mve_seen(const int8_t *x, uint16x8_t offsets, uint16x8_t row, uint16x8_t column,
                                     uint16x8_t height, uint16x8_t width, int16x8_t outside, uint32_t taps) {
    int16x8_t seen;
    __asm__("vctp.16 %[taps]\n\t"
            "vpsttt\n\t"
            "vcmpt.u16 hi, %q[height], %q[row]\n\t"
            "vcmpt.u16 hi, %q[width], %q[column]\n\t"
            "vldrbt.s16 %q[seen], [%[x], %q[offsets]]\n\t"
            "vpsel %q[seen], %q[seen], %q[outside]"
            : [seen] "=&w"(seen)
            : [taps] "r"(taps), [height] "w"(height), [row] "w"(row), [width] "w"(width), [column] "w"(column),
              [x] "r"(x), [offsets] "w"(offsets), [outside] "w"(outside)
            : "p0", "memory");
    return seen;
}

/* Up to eight taps of every pixel; those of a plane have 16-bit positions. */
static void kws_mve_put_eight(const kws_window *w, const int8_t *input, const kws_mve_origins *from, kws_mve_tap *tap,
                              uint32_t taps, kws_mve_target target) {
    uint16_t offset[KWS_MVE_TAPS], down[KWS_MVE_TAPS], right[KWS_MVE_TAPS];
    const uint32_t first = tap->channel * w->in_plane;
    for (uint32_t i = 0; i < KWS_MVE_TAPS; i++) { /* where there are fewer, they are the last */
        down[i] = (uint16_t)(tap->y * w->dilation_y);
        right[i] = (uint16_t)(tap->x * w->dilation_x);
        offset[i] = (uint16_t)(tap->channel * w->in_plane - first + (uint32_t)down[i] * w->in_width + right[i]);
        kws_mve_step(w, tap);
    }
    const uint16x8_t offsets = vldrhq_u16(offset), ys = vldrhq_u16(down), xs = vldrhq_u16(right);
    const uint16x8_t height = vdupq_n_u16(w->in_height), width = vdupq_n_u16(w->in_width);
    const int16x8_t outside = vdupq_n_s16(w->zero_point);
    const uint16x8_t places = vmulq_n_u16(vidupq_n_u16(0, 1), (uint16_t)target.apart);
    const mve_pred16_t there = vctp16q(taps);
    const int8_t *x = input + first;
    const uint32_t count = from->count;
    for (uint32_t i = 0; i < count; i++) {
        const int16x8_t found = kws_mve_seen(x + from->place[i], offsets, vaddq_n_u16(ys, (uint16_t)from->y[i]),
                                             vaddq_n_u16(xs, (uint16_t)from->x[i]), height, width, outside, taps);
        if (target.apart == 1u) {
            vstrbq_p_s16(target.to, found, there);
        } else {
            vstrbq_scatter_offset_p_s16(target.to, places, found, there);
        }
        target.to += (i & 3u) == 3u ? target.group - 3u * target.step : target.step;
    }
}

/* One tap of every pixel, for large planes. */
static __attribute__((cold)) void kws_mve_put_one(const kws_window *w, const int8_t *input, const kws_mve_origins *from,
                                                  kws_mve_tap *tap, kws_mve_target target) {
    const uint32_t down = tap->y * w->dilation_y, right = tap->x * w->dilation_x;
    const int8_t *x = input + tap->channel * w->in_plane + down * w->in_width + right;
    for (uint32_t i = 0; i < from->count; i++) {
        const int inside = (uint32_t)from->y[i] + down < w->in_height && (uint32_t)from->x[i] + right < w->in_width;
        target.to[(i & 3u) * target.step + (i >> 2) * target.group] = inside ? x[from->place[i]] : w->zero_point;
    }
    kws_mve_step(w, tap);
}

void kws_mve_put_taps(const kws_window *w, const int8_t *input, const kws_mve_origins *from, kws_mve_tap *tap,
                      uint32_t taps, kws_mve_target target) {
    if (w->in_plane < KWS_MVE_LARGE_PLANE) {
        kws_mve_put_eight(w, input, from, tap, taps, target);
        return;
    }
    for (; taps > 0; taps--) {
        kws_mve_put_one(w, input, from, tap, target);
        target.to += target.apart;
    }
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
