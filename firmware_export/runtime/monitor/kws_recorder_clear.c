/* Forget all takes; numbers go on. */
#include "kws_recorder.h"

kws_recorder_status kws_recorder_clear(kws_recorder *recorder) {
    if (!recorder) {
        return KWS_RECORDER_BAD_ARGUMENT;
    }
    recorder->oldest = recorder->number;
    recorder->place = 0;
    recorder->filled = 0;
    recorder->left = 0;
    return KWS_RECORDER_OK;
}
