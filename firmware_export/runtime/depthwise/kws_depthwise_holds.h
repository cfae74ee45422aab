/* What a depthwise convolution asks before it touches a byte; with NDEBUG no more than whether a pointer is null. */
#ifndef KWS_DEPTHWISE_HOLDS_H
#define KWS_DEPTHWISE_HOLDS_H

#include "kws_shapes.h"

int kws_depthwise_holds(const kws_depthwise *layer, const int8_t *input, const int8_t *output);

#ifdef NDEBUG
#define KWS_DEPTHWISE_HOLDS(layer, input, output) ((layer) != NULL && (input) != NULL && (output) != NULL)
#else
#define KWS_DEPTHWISE_HOLDS(layer, input, output) kws_depthwise_holds(layer, input, output)
#endif

#endif /* KWS_DEPTHWISE_HOLDS_H */
