/* An event: what is recorded becomes a take once the samples after it have come. */
#include "kws_recorder.h"

kws_recorder_status kws_recorder_mark(kws_recorder *recorder, const kws_event *event, uint32_t frame) {
    if (!recorder || !event || (event->kind != KWS_EVENT_TRIGGER && event->kind != KWS_EVENT_NEAR_MISS)) {
        return KWS_RECORDER_BAD_ARGUMENT;
    }
    kws_take *take = &recorder->takes[recorder->number % recorder->slots];
    if (recorder->left > 0 && (event->kind == KWS_EVENT_NEAR_MISS || take->event.kind == KWS_EVENT_TRIGGER)) {
        return KWS_RECORDER_OK;
    }
    take->event = *event;
    take->frame = frame;
    take->padding = 0;
    recorder->left = recorder->after;
    return KWS_RECORDER_OK;
}
