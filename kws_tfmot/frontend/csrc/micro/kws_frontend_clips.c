/* Host only: whole clips in one call, each from a fresh state. `scratch` holds kws_frontend_get_buffer_size() bytes. */
#include "kws_frontend_clips.h"

kws_frontend_status kws_frontend_clips(const kws_frontend_tables *tables, const int16_t *samples, size_t clips,
                                       size_t clip_samples, uint32_t *scratch, int8_t *features) {
    if (!tables || !samples || !scratch || !features) {
        return KWS_FRONTEND_BAD_ARGUMENT;
    }
    uint32_t *estimate = scratch + KWS_FFT_PAIRS(tables);
    for (size_t clip = 0; clip < clips; ++clip, samples += clip_samples) {
        memset(estimate, 0, sizeof(uint32_t) * KWS_MELS(tables));
        for (size_t at = 0; at + tables->window_samples <= clip_samples; at += tables->hop_samples) {
            kws_frontend_frame(tables, samples + at, scratch, estimate, features);
            features += KWS_MELS(tables);
        }
    }
    return KWS_FRONTEND_OK;
}
