/* What the windows of a block's pixels see, eight bytes an input: im2col for kernels that widen or sum it up next. */
#ifndef KWS_WINDOW_BYTES_H
#define KWS_WINDOW_BYTES_H

#include "kws_engine.h"

/* What one pixel's window sees of each channel: `count` taps, `step` inputs apart, of `lines` lines. Distances in
 * bytes: from line to line of the input and of the columns, from channel to channel of both. */
typedef struct {
    int32_t lines, count, step, pitch, apart, plane, window;
    int32_t depth; /* taps of all channels, also those outside */
    int32_t taps;  /* of one */
} kws_seen;

/* Each tap to a byte of every eight. */
void kws_put_seen(const kws_seen *seen, const int8_t *input, int8_t *bytes);

/* Input (c, ky, kx) of output pixels pixel..pixel+7 at bytes + 8 * number; `bytes` is aligned to four. The plane's
 * padding repeats its last pixel, and pixels beyond it are the zero point. */
void kws_window_bytes(const kws_conv *layer, const int8_t *input, uint32_t pixel, int8_t *bytes);

#endif /* KWS_WINDOW_BYTES_H */
