/* Whether the core has vectors of integers (MVE, Helium), for every kind of front end. */
#ifndef KWS_FRONTEND_VECTORS_H
#define KWS_FRONTEND_VECTORS_H

#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)
#define KWS_HAS_VECTORS 1
#include <arm_mve.h>
#else
#define KWS_HAS_VECTORS 0
#endif

#endif /* KWS_FRONTEND_VECTORS_H */
