/* Scratch of kws_conv_planes. */
#include "kws_engine.h"

/* The tables of sums, 64 bytes for each input, and in windows eight of a block's pixels, the number of inputs rounded
 * up to eight; and 16 bytes for each output channel's constants. */
uint32_t kws_conv_planes_get_buffer_size(const kws_conv *layer) {
    if (layer == NULL) {
        return 0;
    }
    const kws_window *w = &layer->window;
    const int pointwise = w->height == 1 && w->width == 1 && w->stride_y == 1 && w->stride_x == 1;
    const uint32_t inputs = ((uint32_t)layer->depth + 7u) & ~7u;
    return inputs * (pointwise ? 64u : 72u) + (uint32_t)layer->channels * 16u;
}
