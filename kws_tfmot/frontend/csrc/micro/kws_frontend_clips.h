/* Host only: many clips in one call. */
#ifndef KWS_FRONTEND_CLIPS_H
#define KWS_FRONTEND_CLIPS_H

#include "kws_frontend_internal.h"

/* Features of many clips, each from a fresh state; scratch has kws_frontend_clips_get_buffer_size() bytes. */
kws_frontend_status kws_frontend_clips(const kws_frontend_tables *tables, const int16_t *samples, size_t clips,
                                       size_t clip_samples, uint32_t *scratch, int8_t *features);
size_t kws_frontend_clips_get_buffer_size(const kws_frontend_tables *tables);

#endif /* KWS_FRONTEND_CLIPS_H */
