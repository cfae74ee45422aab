/* Samples into frames, for the chains of one network and of two. */
#ifndef SPOTTER_FEATURES_H
#define SPOTTER_FEATURES_H

#include "kws_frontend.h"

/* All samples into the front end; 1 where a frame was completed, -1 on an error. At most one frame a hop. */
static int spotter_features(kws_frontend *frontend, const int16_t *samples, size_t count, int8_t *frame) {
    int completed = 0;
    while (count > 0) {
        size_t consumed = 0;
        const kws_frontend_status status = kws_frontend_push(frontend, samples, count, &consumed, frame);
        if (status < 0) {
            return -1;
        }
        completed |= status == KWS_FRONTEND_FRAME;
        samples += consumed;
        count -= consumed;
    }
    return completed;
}

#endif
