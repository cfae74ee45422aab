/* A recorder on the caller's buffer: the takes' descriptions, then the slots of sound. */
#include "kws_recorder.h"

kws_recorder_status kws_recorder_init(kws_recorder *recorder, uint32_t takes, uint32_t take_samples, uint32_t after,
                                      void *buffer, size_t buffer_size) {
    const size_t needed = kws_recorder_get_buffer_size(takes, take_samples);
    if (!recorder || !buffer || ((uintptr_t)buffer & 3u) || needed == 0 || after == 0 || after > take_samples) {
        return KWS_RECORDER_BAD_ARGUMENT;
    }
    if (buffer_size < needed) {
        return KWS_RECORDER_SMALL_BUFFER;
    }
    recorder->slots = takes + 1u;
    recorder->takes = (kws_take *)buffer;
    recorder->sound = (uint8_t *)(recorder->takes + recorder->slots);
    recorder->take_samples = take_samples;
    recorder->after = after;
    recorder->number = 0;
    return kws_recorder_clear(recorder);
}
