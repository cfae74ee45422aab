/* What one pixel's window sees, tap by tap of every line and channel. */
#include "kws_window_bytes.h"

/* `width` neighbours (1, 2 or 4, a constant) of every line of every channel. */
static inline void kws_put_strip(const kws_seen *seen, const int8_t *input, int8_t *bytes, int32_t width) {
    const int32_t step = seen->step, pitch = seen->pitch, apart = seen->apart;
    for (int32_t left = seen->depth; left > 0; left -= seen->taps) {
        const int8_t *x = input;
        int8_t *put = bytes;
        for (int32_t lines = seen->lines; lines > 0; lines--) {
            const int8_t a = x[0], b = width > 1 ? x[step] : 0;
            const int8_t c = width > 2 ? x[2 * step] : 0, d = width > 2 ? x[3 * step] : 0;
            put[0] = a;
            if (width > 1) {
                put[KWS_BLOCK] = b;
            }
            if (width > 2) {
                put[2 * KWS_BLOCK] = c;
                put[3 * KWS_BLOCK] = d;
            }
            x += pitch;
            put += apart;
        }
        input += seen->plane;
        bytes += seen->window;
    }
}

void kws_put_seen(const kws_seen *seen, const int8_t *input, int8_t *bytes) {
    int32_t left = seen->count;
    for (; left >= 4; left -= 4) {
        kws_put_strip(seen, input, bytes, 4);
        input += 4 * seen->step;
        bytes += 4 * KWS_BLOCK;
    }
    if (left >= 2) {
        kws_put_strip(seen, input, bytes, 2);
        input += 2 * seen->step;
        bytes += 2 * KWS_BLOCK;
    }
    if (left % 2 != 0) {
        kws_put_strip(seen, input, bytes, 1);
    }
}
