/* Host only: several frames at a time, one in each lane of the processor's vectors. */
#ifndef KWS_FRONTEND_CLIPS_H
#define KWS_FRONTEND_CLIPS_H

#include "kws_frontend_internal.h"

#define KWS_FRAME_LANES 8u

/* Features of many clips; scratch has kws_frontend_clips_get_buffer_size() bytes. */
kws_frontend_status kws_frontend_clips(const kws_frontend_tables *tables, const int16_t *samples, size_t clips,
                                       size_t clip_samples, int32_t *scratch, int8_t *features);
size_t kws_frontend_clips_get_buffer_size(const kws_frontend_tables *tables);

/* Whether this processor has the vectors, and the tables suit them. */
int kws_frontend_lanes_work(const kws_frontend_tables *tables);

/* KWS_FRAME_LANES frames, a hop apart, with the bytes of kws_frontend_frame(). */
void kws_frontend_lanes(const kws_frontend_tables *tables, const int16_t *samples, int32_t *scratch, int8_t *features);

#endif /* KWS_FRONTEND_CLIPS_H */
