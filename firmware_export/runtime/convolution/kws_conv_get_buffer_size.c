/* Scratch of the convolutions over int8 and sparse weights. */
#include "kws_engine.h"

/* The columns of a block: KWS_BLOCK pixels of every weight of an output channel. */
uint32_t kws_conv_get_buffer_size(const kws_conv *layer) {
    if (layer == NULL) {
        return 0;
    }
    return kws_conv_scratch(layer->depth);
}
