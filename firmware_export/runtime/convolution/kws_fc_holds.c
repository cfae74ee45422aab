/* Whether a matrix times a vector can be computed: nothing is missing, no size is zero. */
#include "kws_fc_holds.h"

int kws_fc_holds(const kws_conv *layer, const int8_t *input, const int8_t *output) {
    return layer != NULL && input != NULL && output != NULL && layer->weights != NULL && layer->depth != 0 &&
           layer->channels != 0;
}
