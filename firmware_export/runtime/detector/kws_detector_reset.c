/* Back to the begin of a stream: every average 0, every keyword ready. */
#include <string.h>

#include "kws_detector.h"

kws_detector_status kws_detector_reset(kws_detector *detector) {
    if (!detector) {
        return KWS_DETECTOR_BAD_ARGUMENT;
    }
    memset(detector->sums, 0, kws_detector_get_buffer_size(detector->constants));
    detector->slot = 0;
    return KWS_DETECTOR_QUIET;
}
