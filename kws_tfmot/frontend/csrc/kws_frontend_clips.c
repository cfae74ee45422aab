/* Host only: whole clips in one call. The frames are those of kws_frontend_push(). */
#include "kws_frontend_clips.h"

/* A frame at a time. */
static void one_by_one(const kws_frontend_tables *tables, const int16_t *samples, size_t frames, int32_t *scratch,
                       int8_t *features) {
    const size_t size = kws_frontend_frame_size(tables);
    for (size_t frame = 0; frame < frames; ++frame) {
        kws_frontend_frame(tables, samples + frame * tables->hop_samples, scratch, features + frame * size);
    }
}

kws_frontend_status kws_frontend_clips(const kws_frontend_tables *tables, const int16_t *samples, size_t clips,
                                       size_t clip_samples, int32_t *scratch, int8_t *features) {
    if (!tables || !samples || !scratch || !features) {
        return KWS_FRONTEND_BAD_ARGUMENT;
    }
    const size_t size = kws_frontend_frame_size(tables);
    const size_t frames =
        clip_samples < tables->window_samples ? 0 : (clip_samples - tables->window_samples) / tables->hop_samples + 1u;
    const int wide = frames >= KWS_FRAME_LANES && kws_frontend_lanes_work(tables);
    for (size_t clip = 0; clip < clips; ++clip, samples += clip_samples) {
        size_t done = 0;
        while (wide && done < frames) {
            if (frames - done < KWS_FRAME_LANES) {
                if (frames - done <= 2) {
                    break;
                }
                done = frames - KWS_FRAME_LANES; /* some once more */
            }
            kws_frontend_lanes(tables, samples + done * tables->hop_samples, scratch, features + done * size);
            done += KWS_FRAME_LANES;
        }
        one_by_one(tables, samples + done * tables->hop_samples, frames - done, scratch, features + done * size);
        features += frames * size;
    }
    return KWS_FRONTEND_OK;
}
