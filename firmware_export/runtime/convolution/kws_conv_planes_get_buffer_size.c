/* Scratch of kws_conv_planes. */
#include "kws_engine.h"

/* The columns of a block, and the tables of sums: 64 bytes for each input, their number rounded up to eight. */
uint32_t kws_conv_planes_get_buffer_size(const kws_conv *layer) {
    if (layer == NULL) {
        return 0;
    }
    return kws_conv_scratch(layer->depth) + (((uint32_t)layer->depth + 7u) & ~7u) * 64u;
}
