/* Scratch of kws_depthwise_any. */
#include "kws_plane.h"

/* The padded plane and the taps as int16, each row of them even, and for weights of few bits the taps as int8, in whole
 * words. */
uint32_t kws_depthwise_any_get_buffer_size(const kws_depthwise *layer) {
    if (layer == NULL) {
        return 0;
    }
    const uint32_t taps = (uint32_t)layer->window.height * layer->window.width;
    kws_plane plane;
    kws_plane_init(&plane, &layer->window);
    const uint32_t even = (uint32_t)(plane.taps_major * ((plane.taps_minor + 1) & ~1));
    return 2u * ((uint32_t)(plane.major * plane.pitch) + even) + (layer->unpack != NULL ? (taps + 3u) & ~3u : 0u);
}
