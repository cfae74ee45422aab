/* Scratch of kws_conv_dense_pairs. */
#include "kws_engine.h"

/* The columns of a block, of an even number of weights. */
uint32_t kws_conv_dense_pairs_get_buffer_size(const kws_conv *layer) {
    if (layer == NULL) {
        return 0;
    }
    return kws_conv_scratch(layer->depth + (layer->depth & 1u));
}
