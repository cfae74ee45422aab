/* Scratch of kws_conv_pixels. */
#include "kws_engine.h"

/* What a window sees, the outputs of a pixel, each in whole words, and the product's own. */
uint32_t kws_conv_pixels_get_buffer_size(const kws_pixels *layer) {
    if (layer == NULL) {
        return 0;
    }
    return ((layer->conv.depth + 3u) & ~3u) + ((layer->conv.channels + 3u) & ~3u) + layer->more;
}
