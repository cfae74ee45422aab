/* A stream: its context laid into a buffer of the caller's. */
#include "kws_frontend_internal.h"

kws_frontend_status kws_frontend_init(kws_frontend *frontend, const kws_frontend_tables *tables, void *buffer,
                                      size_t buffer_size) {
    if (!frontend || !tables || !buffer || ((uintptr_t)buffer & 3u)) {
        return KWS_FRONTEND_BAD_ARGUMENT;
    }
#ifdef KWS_FRONTEND_FFT_PAIRS
    if (tables->fft_pairs != KWS_FFT_PAIRS(tables) || tables->window_samples != KWS_WINDOW(tables) ||
        tables->mels != KWS_MELS(tables) || tables->coefficients != KWS_COEFFICIENTS(tables)) {
        return KWS_FRONTEND_BAD_ARGUMENT;
    }
#endif
    if (buffer_size < kws_frontend_get_buffer_size(tables)) {
        return KWS_FRONTEND_SMALL_BUFFER;
    }
    frontend->tables = tables;
    frontend->scratch = (int32_t *)buffer;
    frontend->history = (int16_t *)(void *)((char *)buffer + kws_frontend_get_scratch_size(tables));
    frontend->filled = 0;
    return KWS_FRONTEND_OK;
}
