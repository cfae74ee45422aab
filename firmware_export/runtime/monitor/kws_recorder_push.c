/* Samples into the slot that is recorded into, as G.711 mu-law (ITU-T G.711, 1988): 14 bits of range in 8. */
#include "kws_recorder.h"

/* Sign, exponent and mantissa of a sample, inverted. */
static uint8_t kws_mulaw(int32_t sample) {
    const uint32_t sign = sample < 0 ? 0x80u : 0u;
    uint32_t size = (uint32_t)(sample < 0 ? -sample : sample);
    size = (size > 32635u ? 32635u : size) + 132u;
    uint32_t exponent = 7;
    while (exponent > 0 && size < (128u << exponent)) {
        exponent--;
    }
    return (uint8_t)~(sign | (exponent << 4) | ((size >> (exponent + 3u)) & 15u));
}

/* The slot is a take now; the next one is recorded into. */
static void kws_close_take(kws_recorder *recorder) {
    kws_take *take = &recorder->takes[recorder->number % recorder->slots];
    take->samples = recorder->filled;
    take->first = recorder->filled < recorder->take_samples ? 0 : recorder->place;
    recorder->number++;
    recorder->place = 0;
    recorder->filled = 0;
}

kws_recorder_status kws_recorder_push(kws_recorder *recorder, const int16_t *samples, size_t count) {
    if (!recorder || (!samples && count > 0)) {
        return KWS_RECORDER_BAD_ARGUMENT;
    }
    for (size_t i = 0; i < count; i++) {
        uint8_t *slot = recorder->sound + (size_t)(recorder->number % recorder->slots) * recorder->take_samples;
        slot[recorder->place] = kws_mulaw(samples[i]);
        recorder->place = recorder->place + 1u < recorder->take_samples ? recorder->place + 1u : 0u;
        recorder->filled += recorder->filled < recorder->take_samples;
        if (recorder->left > 0 && --recorder->left == 0) {
            kws_close_take(recorder);
        }
    }
    return KWS_RECORDER_OK;
}
