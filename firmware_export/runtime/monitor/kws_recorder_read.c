/* Bytes of one take, oldest first. */
#include "kws_recorder.h"

kws_recorder_status kws_recorder_read(const kws_recorder *recorder, uint32_t number, uint32_t from, uint8_t *bytes,
                                      uint32_t count) {
    kws_take take;
    const kws_recorder_status status = kws_recorder_describe(recorder, number, &take);
    if (status != KWS_RECORDER_OK) {
        return status;
    }
    if (!bytes || from > take.samples || count > take.samples - from) {
        return KWS_RECORDER_BAD_ARGUMENT;
    }
    const uint8_t *slot = recorder->sound + (size_t)(number % recorder->slots) * recorder->take_samples;
    for (uint32_t i = 0; i < count; i++) {
        bytes[i] = slot[(take.first + from + i) % recorder->take_samples];
    }
    return KWS_RECORDER_OK;
}
