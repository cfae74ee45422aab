/* Per-channel automatic gain: the signal over a power of its noise estimate, small ratios squared. */
#include "kws_frontend_internal.h"

/* The gain of an estimate: a quadratic piece an octave. */
static uint32_t gain_of(const kws_frontend_tables *tables, uint32_t estimate) {
    if (estimate <= 1u) {
        return (uint32_t)(int32_t)tables->gains[estimate];
    }
    const uint32_t bits = kws_bits(estimate);
    const int16_t *piece = tables->gains + 3u * (bits - 1u);
    const int32_t fraction = (int32_t)((bits < 11u ? estimate << (11u - bits) : estimate >> (bits - 11u)) & 0x3FFu);
    const int32_t slope = ((piece[2] * fraction) >> 5) + piece[1] * 32;
    return (uint32_t)(int32_t)(int16_t)(((slope * fraction + (1 << 14)) >> 15) + piece[0]);
}

uint32_t kws_frontend_gain(const kws_frontend_tables *tables, uint32_t signal, uint32_t estimate) {
    const uint32_t ratio = (uint32_t)(kws_mul_short(signal, gain_of(tables, estimate)) >> tables->snr_shift);
    if (ratio < (2u << KWS_SNR_BITS)) {
        return (ratio * ratio) >> (2 + 2 * KWS_SNR_BITS - KWS_SNR_OUTPUT_BITS);
    }
    return (ratio >> (KWS_SNR_BITS - KWS_SNR_OUTPUT_BITS)) - (1u << KWS_SNR_OUTPUT_BITS);
}
