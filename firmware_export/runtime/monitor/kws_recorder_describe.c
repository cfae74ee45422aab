/* The description of one take. */
#include "kws_recorder.h"

kws_recorder_status kws_recorder_describe(const kws_recorder *recorder, uint32_t number, kws_take *take) {
    uint32_t first, end;
    if (!take || kws_recorder_range(recorder, &first, &end) != KWS_RECORDER_OK) {
        return KWS_RECORDER_BAD_ARGUMENT;
    }
    if (number - first >= end - first) {
        return KWS_RECORDER_GONE;
    }
    *take = recorder->takes[number % recorder->slots];
    return KWS_RECORDER_OK;
}
