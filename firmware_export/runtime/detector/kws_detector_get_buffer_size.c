/* Bytes of the detector's buffer: a sum for each class, and a row of posteriors for each decision smoothed over. */
#include "kws_detector.h"

size_t kws_detector_get_buffer_size(const kws_detector_constants *constants) {
    return (size_t)constants->classes * (sizeof(uint32_t) + constants->window * sizeof(uint16_t));
}
