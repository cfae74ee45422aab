/* How far the windowed samples of a frame can be shifted up. */
#include "kws_frontend_internal.h"

uint32_t kws_frontend_headroom(const kws_frontend_tables *tables, const int16_t *samples) {
    const int16_t *window = tables->window;
    uint32_t seen = 0; /* has the bits of the largest magnitude */
    for (uint32_t n = 0; n < KWS_WINDOW(tables); ++n) {
        const int32_t value = (samples[n] * window[n]) >> KWS_WINDOW_BITS;
        const int32_t sign = value >> 31;
        seen |= (uint32_t)((value ^ sign) - sign);
    }
    seen &= 0x7FFFu; /* TFLM negates in 16 bits, where -32768 stays negative and is never the largest */
    return seen ? 15u - kws_bits(seen) : 15u;
}
