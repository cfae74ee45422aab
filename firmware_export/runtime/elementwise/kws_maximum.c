/* The larger of two numbers of one scale, element by element. */
#include "kws_extreme.h"

kws_status kws_maximum(const kws_elementwise *layer, const int8_t *a, const int8_t *b, int8_t *output) {
    return kws_extreme(layer, a, b, output, 1);
}
