/* What a matrix times a vector asks before it touches a byte; with NDEBUG no more than whether a pointer is null. */
#ifndef KWS_FC_HOLDS_H
#define KWS_FC_HOLDS_H

#include "kws_shapes.h"

int kws_fc_holds(const kws_conv *layer, const int8_t *input, const int8_t *output);

#ifdef NDEBUG
#define KWS_FC_HOLDS(layer, input, output) ((layer) != NULL && (input) != NULL && (output) != NULL)
#else
#define KWS_FC_HOLDS(layer, input, output) kws_fc_holds(layer, input, output)
#endif

#endif /* KWS_FC_HOLDS_H */
