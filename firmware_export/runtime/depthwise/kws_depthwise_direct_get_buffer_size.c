/* Scratch of kws_depthwise_direct. */
#include "kws_engine.h"

/* None with SMLAD; what the kernel needs that stands in for it on other cores. */
uint32_t kws_depthwise_direct_get_buffer_size(const kws_depthwise *layer) {
    return kws_depthwise_any_get_buffer_size(layer);
}
