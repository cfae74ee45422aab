/* The mean of whole planes. */
#include "kws_pool_mean.h"
#include "kws_shapes.h"

/* Average pooling whose one window sees all of the plane, rounded as in kws_average_pool. */
kws_status kws_average_plane(const kws_pool *layer, const int8_t *input, int8_t *output) {
    if (layer == NULL || input == NULL || output == NULL || !kws_window_fits(&layer->window)) {
        return KWS_ERROR_ARGUMENT;
    }
    const kws_window *w = &layer->window;
    if (w->out_height != 1 || w->out_width != 1 || w->first_y > 0 || w->first_x > 0 ||
        w->first_y + w->height < w->in_height || w->first_x + w->width < w->in_width) {
        return KWS_ERROR_ARGUMENT;
    }
    const int32_t count = w->in_height * w->in_width, half = count / 2;
    for (uint32_t c = layer->channels; c > 0; c--) {
        *output = kws_mean_of(layer, kws_sum_of(input, count), half, count);
        input += w->in_plane;
        output += w->out_plane;
    }
    return KWS_OK;
}
