/* Scratch of kws_depthwise_five. */
#include "kws_engine.h"

/* That of kws_depthwise_3x3, which stands in for it on cores without assembly or vectors, or the plane and the piece of
 * the window that vectors want (kws_mve_depthwise_plan), if that is more; the taps of few bits as int8. */
uint32_t kws_depthwise_five_get_buffer_size(const kws_depthwise *layer) {
    if (layer == NULL) {
        return 0;
    }
    const uint32_t height = layer->window.out_height, lines = height + 2u;
    const uint32_t scalar = 8u + (height > 5u ? 14u * ((lines + 1u) & ~1u) : 16u * lines);
    const uint32_t vectors = 6u * height + 54u;
    return (scalar > vectors ? scalar : vectors) + (layer->unpack != NULL ? 12u : 0u);
}
