/* Scratch of kws_depthwise_small. */
#include "kws_small.h"

/* Its padded plane, and for weights of few bits nine taps in whole words; or what the kernel needs that stands in for
 * it on other cores, if that is more. */
uint32_t kws_depthwise_small_get_buffer_size(const kws_depthwise *layer) {
    if (layer == NULL) {
        return 0;
    }
    const kws_window *w = &layer->window;
    const uint32_t other =
        w->stride_x == 1 ? kws_depthwise_3x3_get_buffer_size(layer) : kws_depthwise_any_get_buffer_size(layer);
    const uint32_t own =
        2u * (uint32_t)(KWS_SMALL_PITCH(w->stride_x) * KWS_SMALL_ROWS(w)) + (layer->unpack != NULL ? 12u : 0u);
    return own > other ? own : other;
}
