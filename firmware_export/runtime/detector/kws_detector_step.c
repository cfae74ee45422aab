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

kws_detector_status kws_detector_step(kws_detector *detector, const int8_t *outputs, kws_detection *detection) {
    if (!detector || !outputs || !detection) {
        return KWS_DETECTOR_BAD_ARGUMENT;
    }
    const kws_detector_constants *constants = detector->constants;
    kws_detector_smooth(detector, outputs);
    if (detector->wait > 0) {
        detector->wait--;
        return KWS_DETECTOR_QUIET;
    }
    kws_detector_status status = KWS_DETECTOR_QUIET;
    for (uint32_t c = 0; c < constants->classes; c++) {
        const uint32_t score = detector->sums[c] / constants->window;
        if (score >= constants->thresholds[c] && (status == KWS_DETECTOR_QUIET || score > detection->score)) {
            detection->label = (uint16_t)c;
            detection->score = (uint16_t)score;
            status = KWS_DETECTOR_DETECTED;
        }
    }
    if (status == KWS_DETECTOR_DETECTED) {
        detector->wait = (uint16_t)(constants->refractory - 1u);
    }
    return status;
}
