/* One inference more: average, re-arm, and say which keyword, if any, is new. */
#include "kws_detector.h"

/* The oldest row of posteriors gives way to the newest, in the sums too. */
static void kws_detector_smooth(kws_detector *detector, const int8_t *outputs) {
    const kws_detector_constants *constants = detector->constants;
    uint16_t *row = detector->posteriors + (size_t)detector->slot * constants->classes;
    for (uint32_t c = 0; c < constants->classes; c++) {
        detector->sums[c] -= row[c];
    }
    kws_detector_posteriors(constants, outputs, row);
    for (uint32_t c = 0; c < constants->classes; c++) {
        detector->sums[c] += row[c];
    }
    detector->slot = (uint16_t)(detector->slot + 1u < constants->window ? detector->slot + 1u : 0u);
}

/* A class's waiting time goes by, and it is ready again once its score is below its release. */
static void kws_detector_rearm(kws_detector *detector, uint32_t c, uint32_t threshold) {
    const kws_detector_constants *constants = detector->constants;
    if (detector->wait[c] > 0) {
        detector->wait[c]--;
    }
    if (detector->sums[c] < ((threshold * constants->release) >> 15) * constants->window) {
        detector->held[c] = 0;
    }
}

kws_detector_status kws_detector_step(kws_detector *detector, const int8_t *outputs, kws_detection *detection) {
    if (!detector || !outputs || !detection) {
        return KWS_DETECTOR_BAD_ARGUMENT;
    }
    const kws_detector_constants *constants = detector->constants;
    kws_detector_smooth(detector, outputs);
    uint32_t best = constants->classes, highest = 0;
    for (uint32_t c = 0; c < constants->classes; c++) {
        const uint32_t threshold = kws_detector_threshold(detector, (uint16_t)c);
        if (threshold == KWS_DETECTOR_NEVER) {
            continue;
        }
        kws_detector_rearm(detector, c, threshold);
        const uint32_t score = kws_detector_score(detector, (uint16_t)c);
        if (score >= threshold && score > highest) {
            best = c;
            highest = score;
        }
    }
    if (best == constants->classes || detector->wait[best] > 0 || detector->held[best]) {
        return KWS_DETECTOR_QUIET;
    }
    detector->wait[best] = constants->refractory;
    detector->held[best] = 1;
    detection->label = (uint16_t)best;
    detection->score = (uint16_t)highest;
    return KWS_DETECTOR_DETECTED;
}
