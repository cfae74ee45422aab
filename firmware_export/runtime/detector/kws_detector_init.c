/* A detector on the caller's buffer: sums, posteriors, waiting times and states lie in it in this order. */
#include "kws_detector.h"

kws_detector_status kws_detector_init(kws_detector *detector, const kws_detector_constants *constants, void *buffer,
                                      size_t buffer_size) {
    if (!detector || !constants || !buffer || ((uintptr_t)buffer & 3u) || constants->classes == 0 ||
        constants->window == 0 || constants->refractory == 0 || constants->release > KWS_DETECTOR_ONE) {
        return KWS_DETECTOR_BAD_ARGUMENT;
    }
    if (buffer_size < kws_detector_get_buffer_size(constants)) {
        return KWS_DETECTOR_SMALL_BUFFER;
    }
    detector->constants = constants;
    detector->sums = (uint32_t *)buffer;
    detector->posteriors = (uint16_t *)(void *)(detector->sums + constants->classes);
    detector->wait = detector->posteriors + (size_t)constants->window * constants->classes;
    detector->held = (uint8_t *)(detector->wait + constants->classes);
    detector->sensitivity = 0;
    return kws_detector_reset(detector);
}
