/* Thresholds that the device's user moves. */
#include "kws_detector.h"

kws_detector_status kws_detector_set_sensitivity(kws_detector *detector, int sensitivity) {
    if (!detector || sensitivity < -KWS_DETECTOR_MOST || sensitivity > KWS_DETECTOR_MOST) {
        return KWS_DETECTOR_BAD_ARGUMENT;
    }
    detector->sensitivity = (int16_t)sensitivity;
    return KWS_DETECTOR_QUIET;
}
