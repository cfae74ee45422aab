/* The moving average of one class. */
#include "kws_detector.h"

uint16_t kws_detector_score(const kws_detector *detector, uint16_t label) {
    return (uint16_t)(detector->sums[label] / detector->constants->window);
}
