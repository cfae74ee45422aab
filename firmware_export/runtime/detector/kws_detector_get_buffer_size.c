/* Bytes of the detector's buffer: for each class a sum, its waiting time and its state, and a posterior for each
 * inference under the moving average. */
#include "kws_detector.h"

size_t kws_detector_get_buffer_size(const kws_detector_constants *constants) {
    return (size_t)constants->classes *
           (sizeof(uint32_t) + (constants->window + (size_t)1) * sizeof(uint16_t) + sizeof(uint8_t));
}
