/* Whether a depthwise convolution can be computed: nothing is missing, no size is zero, its planes hold their pixels.
 */
#include "kws_depthwise_holds.h"

int kws_depthwise_holds(const kws_depthwise *layer, const int8_t *input, const int8_t *output) {
    return layer != NULL && input != NULL && output != NULL && layer->weights != NULL && layer->channels != 0 &&
           layer->multiplier != 0 && kws_planes_hold(&layer->window);
}
