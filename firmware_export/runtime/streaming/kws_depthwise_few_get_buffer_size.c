/* Scratch of kws_depthwise_few. */
#include "kws_engine.h"

/* The taps of one channel of few bits. */
uint32_t kws_depthwise_few_get_buffer_size(const kws_depthwise *layer) {
    return kws_depthwise_column_get_buffer_size(layer);
}
