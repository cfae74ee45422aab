/* The whole chain: samples -> features -> ring buffer -> inference -> detector. The caller owns everything. A model
 * that computes each row once has no ring: it takes MODEL_STEP_ROWS frames a step and decides at each of them. */
#ifndef SPOTTER_H
#define SPOTTER_H

#include "kws_detector_constants.h"
#include "kws_frontend.h"
#include "kws_frontend_tables.h"
#include "model.h"
#ifdef KWS_RECORDER_BUFFER_BYTES
#include "kws_recorder.h"
#elif defined(KWS_STATISTICS_BUFFER_BYTES)
#include "kws_statistics.h"
#endif

#ifdef __cplusplus
extern "C" {
#endif

#ifdef MODEL_STEP_ROWS
#define SPOTTER_FRAMES MODEL_STEP_ROWS
#else
#define SPOTTER_FRAMES KWS_FRONTEND_FRAMES
#endif

typedef enum {
    SPOTTER_LISTENING = 0, /* nothing was heard */
    SPOTTER_HEARD = 1,     /* a keyword: *result is new */
    SPOTTER_ERROR = -1
} spotter_status;

typedef struct {
    uint32_t frame; /* frames since the start, the last one included */
    uint16_t label; /* number of the keyword */
    uint16_t score; /* its smoothed posterior, 32768 is 1 */
} spotter_result;

typedef struct {
    kws_frontend frontend;
    model network;
    kws_detector detector;
    uint32_t frames; /* since the start */
    uint32_t due;    /* the number of frames at which the next inference or step is due */
    uint32_t buffer[(KWS_FRONTEND_BUFFER_BYTES + 3) / 4];
    uint32_t arena[(MODEL_ARENA_BYTES + 3) / 4];
    uint32_t scores[(KWS_DETECTOR_BUFFER_BYTES + 3) / 4];
    int8_t ring[SPOTTER_FRAMES][KWS_FRONTEND_FEATURES];
#ifdef KWS_STATISTICS_BUFFER_BYTES
    kws_statistics statistics;
    uint32_t counts[(KWS_STATISTICS_BUFFER_BYTES + 3) / 4];
#endif
#ifdef KWS_RECORDER_BUFFER_BYTES
    kws_recorder recorder;
    uint32_t takes[(KWS_RECORDER_BUFFER_BYTES + 3) / 4];
#endif
} spotter;

spotter_status spotter_init(spotter *s);

/* Give at most one hop of samples, KWS_FRONTEND_HOP_SAMPLES. */
spotter_status spotter_push(spotter *s, const int16_t *samples, size_t count, spotter_result *result);

#ifdef __cplusplus
}
#endif

#endif /* SPOTTER_H */
