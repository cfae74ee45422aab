/* Noise reduction: a running mean of each channel is subtracted, all but 5 % of the signal at most. */
#include "kws_frontend_internal.h"

uint32_t kws_frontend_reduce_noise(uint32_t signal, uint32_t smoothing, uint32_t *estimate) {
    const uint32_t scaled = signal << KWS_SMOOTHING_BITS;
    const uint32_t noise =
        (uint32_t)((kws_mul_short(scaled, smoothing) + kws_mul_short(*estimate, (1u << KWS_RATIO_BITS) - smoothing)) >>
                   KWS_RATIO_BITS);
    const uint32_t least = (uint32_t)(kws_mul_short(signal, KWS_MIN_SIGNAL) >> KWS_RATIO_BITS);
    const uint32_t left = noise > scaled ? 0 : (scaled - noise) >> KWS_SMOOTHING_BITS;
    *estimate = noise;
    return left > least ? left : least;
}
