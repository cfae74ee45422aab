/* Scratch of kws_depthwise_wide. */
#include "kws_plane.h"

/* Lines of words with two inputs each, rows of taps with the way to the next, and for weights of few bits the taps as
 * int8, in whole words. */
uint32_t kws_depthwise_wide_get_buffer_size(const kws_depthwise *layer) {
    if (layer == NULL) {
        return 0;
    }
    const uint32_t taps = (uint32_t)layer->window.height * layer->window.width;
    kws_plane plane;
    kws_plane_init(&plane, &layer->window);
    const uint32_t half = ((uint32_t)plane.out_minor + 1u) / 2u, along = (uint32_t)plane.taps_minor;
    const uint32_t words = half + (half % 3u == 2u ? 1u : 0u) - 1u; /* blocks of three, or a last one of one */
    const uint32_t pitch = plane.stride_minor == 2 ? 2u * words + along : words + along;
    return 4u * ((uint32_t)plane.major * pitch + (uint32_t)plane.taps_major * (along + 2u)) +
           (layer->unpack != NULL ? (taps + 3u) & ~3u : 0u);
}
