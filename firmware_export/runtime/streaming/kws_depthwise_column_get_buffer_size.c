/* Scratch of kws_depthwise_column. */
#include "kws_engine.h"

/* The taps of weights of few bits as int8, in whole words. */
uint32_t kws_depthwise_column_get_buffer_size(const kws_depthwise *layer) {
    return layer == NULL || layer->unpack == NULL ? 0
                                                  : ((uint32_t)layer->window.height * layer->window.width + 3u) & ~3u;
}
