/* Max pooling. */
#include "kws_shapes.h"

/* Largest input inside the window, clamped to the activation's range. */
kws_status kws_max_pool(const kws_pool *layer, const int8_t *input, int8_t *output) {
    if (layer == NULL || input == NULL || output == NULL || !kws_window_fits(&layer->window)) {
        return KWS_ERROR_ARGUMENT;
    }
    const kws_window *w = &layer->window;
    for (uint32_t c = 0; c < layer->channels; c++) {
        int8_t *out = output;
        for (int32_t oy = 0; oy < w->out_height; oy++) {
            const int32_t y0 = w->first_y + oy * w->stride_y;
            const int32_t y_from = y0 < 0 ? 0 : y0;
            const int32_t y_to = y0 + w->height < w->in_height ? y0 + w->height : w->in_height;
            for (int32_t ox = 0; ox < w->out_width; ox++) {
                const int32_t x0 = w->first_x + ox * w->stride_x;
                const int32_t x_from = x0 < 0 ? 0 : x0;
                const int32_t x_to = x0 + w->width < w->in_width ? x0 + w->width : w->in_width;
                int8_t best = layer->minimum;
                for (int32_t y = y_from; y < y_to; y++) {
                    for (int32_t x = x_from; x < x_to; x++) {
                        const int8_t value = input[y * w->in_width + x];
                        best = value > best ? value : best;
                    }
                }
                *out++ = best > layer->maximum ? layer->maximum : best;
            }
        }
        input += w->in_plane;
        output += w->out_plane;
    }
    return KWS_OK;
}
