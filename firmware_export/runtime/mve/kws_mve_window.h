/* im2col of sixteen pixels for any window, tap by tap. */
#ifndef KWS_MVE_WINDOW_H
#define KWS_MVE_WINDOW_H

#include "kws_mve.h"

#if KWS_MVE
/* Where the windows of a block's pixels begin, and the same as a place in the plane; may be outside. */
typedef struct {
    int32_t y[KWS_MVE_BLOCK], x[KWS_MVE_BLOCK], place[KWS_MVE_BLOCK];
    uint32_t count;
} kws_mve_origins;

/* The plane's padding repeats its last pixel. */
void kws_mve_find_origins(const kws_window *w, uint32_t pixel, kws_mve_origins *from);

/* A tap: its place in the window, and that of its channel. */
typedef struct {
    uint32_t channel, y, x;
} kws_mve_tap;

#define KWS_MVE_TAPS 8u /* at once */

/* Where the taps of pixel i go: `to` + (i % 4) * step + (i / 4) * group, `apart` bytes from one to the next. */
typedef struct {
    int8_t *to;
    uint32_t step, group, apart;
} kws_mve_target;

/* Up to eight taps of every pixel, the first one `tap`, which moves on. */
void kws_mve_put_taps(const kws_window *w, const int8_t *input, const kws_mve_origins *from, kws_mve_tap *tap,
                      uint32_t taps, kws_mve_target target);
#endif

#endif /* KWS_MVE_WINDOW_H */
