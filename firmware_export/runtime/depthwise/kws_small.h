/* The padded plane of kws_depthwise_small. */
#ifndef KWS_SMALL_H
#define KWS_SMALL_H

#include "kws_engine.h"

#define KWS_SMALL_PITCH(stride) (4 + 2 * (stride))
#define KWS_SMALL_ROWS(w) (((w)->out_height - 1) * (w)->stride_y + 3)

#endif /* KWS_SMALL_H */
