/* Scratch of the convolutions over blocks of four, six or ten pixels. */
#include "kws_engine.h"

/* The columns of a block of `bits` pixels, or of KWS_BLOCK on cores that take kws_conv_delta. */
uint32_t kws_conv_narrow_get_buffer_size(const kws_conv *layer) {
    if (layer == NULL) {
        return 0;
    }
    return (uint32_t)layer->depth * 2u * (layer->bits > KWS_BLOCK ? layer->bits : KWS_BLOCK);
}
