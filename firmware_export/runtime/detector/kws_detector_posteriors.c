/* int8 logits by a table of exponentials, or int8 probabilities, to posteriors in Q15. */
#include "kws_detector.h"

/* exp(-scale * distance), 0 beyond the table. */
static uint32_t kws_exponential(const kws_detector_constants *constants, int32_t distance) {
    return distance < constants->exponentials_count ? constants->exponentials[distance] : 0;
}

void kws_detector_posteriors(const kws_detector_constants *constants, const int8_t *outputs, uint16_t *posteriors) {
    if (!constants->exponentials) {
        for (uint32_t c = 0; c < constants->classes; c++) {
            posteriors[c] = (uint16_t)((outputs[c] + 128) * 128);
        }
        return;
    }
    int32_t largest = -128;
    for (uint32_t c = 0; c < constants->classes; c++) {
        largest = outputs[c] > largest ? outputs[c] : largest;
    }
    uint32_t total = 0;
    for (uint32_t c = 0; c < constants->classes; c++) {
        total += kws_exponential(constants, largest - outputs[c]);
    }
    for (uint32_t c = 0; c < constants->classes; c++) {
        const uint32_t e = kws_exponential(constants, largest - outputs[c]);
        posteriors[c] = (uint16_t)(((e << 15) + total / 2u) / total);
    }
}
