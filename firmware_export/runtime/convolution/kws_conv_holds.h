/* What a convolution asks before it touches a byte; with NDEBUG no more than whether a pointer is null. */
#ifndef KWS_CONV_HOLDS_H
#define KWS_CONV_HOLDS_H

#include "kws_shapes.h"

int kws_conv_holds(const kws_conv *layer, const int8_t *input, const int8_t *output, const void *scratch);

#ifdef NDEBUG
#define KWS_CONV_HOLDS(layer, input, output, scratch) \
    ((layer) != NULL && (input) != NULL && (output) != NULL && (scratch) != NULL)
#else
#define KWS_CONV_HOLDS(layer, input, output, scratch) kws_conv_holds(layer, input, output, scratch)
#endif

#endif /* KWS_CONV_HOLDS_H */
