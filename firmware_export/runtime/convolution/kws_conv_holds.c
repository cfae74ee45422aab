/* Whether a convolution can be computed: nothing is missing, no size is zero, and its planes hold their pixels. */
#include "kws_conv_holds.h"

int kws_conv_holds(const kws_conv *layer, const int8_t *input, const int8_t *output, const void *scratch) {
    return layer != NULL && input != NULL && output != NULL && scratch != NULL && layer->im2col != NULL &&
           layer->weights != NULL && layer->depth != 0 && layer->channels != 0 && kws_planes_hold(&layer->window);
}
