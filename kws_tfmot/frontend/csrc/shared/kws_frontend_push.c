/* The stream of samples that every kind of front end reads windows from. */
#include "kws_frontend_internal.h"

kws_frontend_status kws_frontend_push(kws_frontend *frontend, const int16_t *samples, size_t count, size_t *consumed,
                                      int8_t *features) {
    if (!frontend || !samples || !consumed || !features) {
        return KWS_FRONTEND_BAD_ARGUMENT;
    }
    const uint32_t window = frontend->tables->window_samples;
    const uint32_t hop = frontend->tables->hop_samples;
    const size_t wanted = window - frontend->filled;
    const size_t taken = count < wanted ? count : wanted;
    memcpy(frontend->history + frontend->filled, samples, taken * sizeof(int16_t));
    frontend->filled += (uint32_t)taken;
    *consumed = taken;
    if (frontend->filled < window) {
        return KWS_FRONTEND_OK;
    }
    kws_frontend_window(frontend, features);
    frontend->filled = window - hop;
    memmove(frontend->history, frontend->history + hop, frontend->filled * sizeof(int16_t));
    return KWS_FRONTEND_FRAME;
}
