/* The threshold of one class at the present sensitivity s: T + (1 - T) |s| / 100 below 0, T - T s / 200 above. */
#include "kws_detector.h"

uint16_t kws_detector_threshold(const kws_detector *detector, uint16_t label) {
    const uint32_t own = detector->constants->thresholds[label];
    const int32_t s = detector->sensitivity;
    if (own == KWS_DETECTOR_NEVER || s == 0) {
        return (uint16_t)own;
    }
    if (s < 0) {
        return (uint16_t)(own + (KWS_DETECTOR_ONE - own) * (uint32_t)-s / KWS_DETECTOR_MOST);
    }
    const uint32_t lower = own - own * (uint32_t)s / (2u * KWS_DETECTOR_MOST);
    return (uint16_t)(lower > 0 ? lower : 1u);
}
