/* Which takes are there. */
#include "kws_recorder.h"

kws_recorder_status kws_recorder_range(const kws_recorder *recorder, uint32_t *first, uint32_t *end) {
    if (!recorder || !first || !end) {
        return KWS_RECORDER_BAD_ARGUMENT;
    }
    const uint32_t kept = recorder->slots - 1u;
    const uint32_t all = recorder->number - recorder->oldest;
    *first = recorder->number - (all < kept ? all : kept);
    *end = recorder->number;
    return KWS_RECORDER_OK;
}
