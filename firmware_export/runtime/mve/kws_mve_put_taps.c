/* What taps see in the windows of sixteen pixels. */
#include "kws_mve_window.h"

#if KWS_MVE
#define KWS_MVE_LARGE_PLANE 8192u /* where positions of eight taps would leave 16 bits */

static void kws_mve_step(const kws_window *w, kws_mve_tap *tap) {
    if (++tap->x == w->width) {
        tap->x = 0;
        if (++tap->y == w->height) {
            tap->y = 0;
            tap->channel++;
        }
    }
}

/* Up to eight taps of every pixel; those of a plane have 16-bit positions. */
static void kws_mve_put_eight(const kws_window *w, const int8_t *input, const kws_mve_origins *from, kws_mve_tap *tap,
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
    const uint16x8_t places = vmulq_n_u16(vidupq_n_u16(0, 1), (uint16_t)target.apart);
    const int8_t *x = input + first;
    const uint32_t count = from->count;
    for (uint32_t i = 0; i < count; i++) {
        mve_pred16_t inside = vcmphiq_m_u16(height, vaddq_n_u16(ys, (uint16_t)from->y[i]), there);
        inside = vcmphiq_m_u16(width, vaddq_n_u16(xs, (uint16_t)from->x[i]), inside);
        const int16x8_t seen = vldrbq_gather_offset_z_s16(x + from->place[i], offsets, inside);
        const int16x8_t found = vpselq_s16(seen, outside, inside);
        if (target.apart == 1u) {
            vstrbq_p_s16(target.to, found, there);
        } else {
            vstrbq_scatter_offset_p_s16(target.to, places, found, there);
        }
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
        target.to += target.apart;
        kws_mve_step(w, tap);
    }
}

void kws_mve_put_taps(const kws_window *w, const int8_t *input, const kws_mve_origins *from, kws_mve_tap *tap,
                      uint32_t taps, kws_mve_target target) {
    if (w->in_plane < KWS_MVE_LARGE_PLANE) {
        kws_mve_put_eight(w, input, from, tap, taps, target);
    } else {
        kws_mve_put_slowly(w, input, from, tap, taps, target);
    }
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
