/* A stream: its context laid into a buffer of the caller's. */
#include "kws_frontend_internal.h"

kws_frontend_status kws_frontend_init(kws_frontend *frontend, const kws_frontend_tables *tables, void *buffer,
                                      size_t buffer_size) {
    if (!frontend || !tables || !buffer || ((uintptr_t)buffer & 3u)) {
        return KWS_FRONTEND_BAD_ARGUMENT;
    }
#ifdef KWS_FRONTEND_FFT_PAIRS
    if (tables->fft_pairs != KWS_FFT_PAIRS(tables) || tables->window_samples != KWS_WINDOW(tables) ||
        tables->mels != KWS_MELS(tables)) {
        return KWS_FRONTEND_BAD_ARGUMENT;
    }
#endif
    if (buffer_size < kws_frontend_get_buffer_size(tables)) {
        return KWS_FRONTEND_SMALL_BUFFER;
    }
    frontend->tables = tables;
    frontend->scratch = (uint32_t *)buffer;
    frontend->estimate = frontend->scratch + KWS_FFT_PAIRS(tables);
    frontend->history = (int16_t *)(void *)(frontend->estimate + KWS_MELS(tables));
    return kws_frontend_reset(frontend);
}
