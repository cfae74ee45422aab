/* Scratch of kws_fc_lowbit. */
#include "kws_engine.h"

/* One unpacked row of weights, in whole words; the other kernels for matrix times vector need none. */
uint32_t kws_fc_lowbit_get_buffer_size(const kws_conv *layer) {
    if (layer == NULL) {
        return 0;
    }
    return ((uint32_t)layer->depth + 3u) & ~3u;
}
