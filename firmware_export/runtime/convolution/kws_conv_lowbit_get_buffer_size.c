/* Scratch of kws_conv_lowbit. */
#include "kws_engine.h"

/* The columns of a block, and one unpacked row of weights, in whole words. */
uint32_t kws_conv_lowbit_get_buffer_size(const kws_conv *layer) {
    if (layer == NULL) {
        return 0;
    }
    return kws_conv_scratch(layer->depth) + (((uint32_t)layer->depth + 3u) & ~3u);
}
