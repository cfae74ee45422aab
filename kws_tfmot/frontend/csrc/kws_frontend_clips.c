/* Host only: whole clips in one call. The frames are those of kws_frontend_push(). */
#include "kws_frontend_internal.h"

kws_frontend_status kws_frontend_clips(const kws_frontend_tables *tables, const int16_t *samples, size_t clips,
                                       size_t clip_samples, int32_t *scratch, int8_t *features);

kws_frontend_status kws_frontend_clips(const kws_frontend_tables *tables, const int16_t *samples, size_t clips,
                                       size_t clip_samples, int32_t *scratch, int8_t *features) {
    if (!tables || !samples || !scratch || !features) {
        return KWS_FRONTEND_BAD_ARGUMENT;
    }
    const size_t size = kws_frontend_frame_size(tables);
    for (size_t clip = 0; clip < clips; ++clip, samples += clip_samples) {
        for (size_t at = 0; at + tables->window_samples <= clip_samples; at += tables->hop_samples) {
            kws_frontend_frame(tables, samples + at, scratch, features);
            features += size;
        }
    }
    return KWS_FRONTEND_OK;
}
