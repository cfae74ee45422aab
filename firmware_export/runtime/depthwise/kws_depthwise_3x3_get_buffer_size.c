/* Scratch of kws_depthwise_3x3. */
#include "kws_plane.h"

/* The padded plane as int16 with two words behind it, which are read but not used, and for weights of few bits the taps
 * as int8, in whole words. */
uint32_t kws_depthwise_3x3_get_buffer_size(const kws_depthwise *layer) {
    if (layer == NULL) {
        return 0;
    }
    const uint32_t taps = (uint32_t)layer->window.height * layer->window.width;
    kws_plane plane;
    kws_plane_init(&plane, &layer->window);
    return 8u + 2u * (uint32_t)(plane.major * plane.pitch) + (layer->unpack != NULL ? (taps + 3u) & ~3u : 0u);
}
