/* Two networks as one detector: a small one always listens, and where it hears a word a larger one looks again.
 *
 * Both take the frames of one front end. A word that the first detects at frame F wakes the second, which begins anew
 * and decides on the windows that end from VERIFIER_BEFORE frames before F to VERIFIER_AFTER frames after it, with at
 * most VERIFIER_A_HOP inferences (or steps) a hop. It is heard if the second detects it too. The caller owns
 * everything. */
#ifndef SPOTTER_H
#define SPOTTER_H

#include "kws_detector_constants.h"
#include "kws_frontend.h"
#include "kws_frontend_tables.h"
#include "model.h"
#include "verifier.h"
#include "verifier_constants.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    SPOTTER_LISTENING = 0, /* nothing was heard */
    SPOTTER_HEARD = 1,     /* a keyword that both networks heard: *result is new */
    SPOTTER_ERROR = -1
} spotter_status;

typedef struct {
    uint32_t frame; /* frames since the start, the last one included */
    uint16_t label; /* number of the keyword */
    uint16_t score; /* its smoothed posterior in the second network, 32768 is 1 */
} spotter_result;

typedef struct {
    kws_frontend frontend;
    model network;
    verifier second;
    kws_detector detector;
    kws_detector judge; /* of the second network */
    uint32_t frames;    /* since the start */
    uint32_t due;       /* the number of frames at which the first network is due */
    uint32_t next;      /* that at which the second one is, while it looks */
    uint32_t last;      /* no window of the look ends later */
    uint32_t wakes;     /* looks since the start, and those of them that found the word */
    uint32_t agreed;
    uint16_t word; /* that woke the second network; KWS_DETECTOR_NEVER while it sleeps */
    uint32_t buffer[(KWS_FRONTEND_BUFFER_BYTES + 3) / 4];
#if defined(MODEL_STEP_ROWS) || defined(VERIFIER_STEP_ROWS)
    struct { /* one of the two keeps a state in its arena */
#else
    union { /* neither does: they use the same memory in turn */
#endif
        uint32_t first[(MODEL_ARENA_BYTES + 3) / 4];
        uint32_t second[(VERIFIER_ARENA_BYTES + 3) / 4];
    } arena;
    uint32_t scores[(KWS_DETECTOR_BUFFER_BYTES + 3) / 4];
    uint32_t judged[(VERIFIER_DETECTOR_BUFFER_BYTES + 3) / 4];
    int8_t ring[VERIFIER_RING_FRAMES][KWS_FRONTEND_FEATURES];
} spotter;

spotter_status spotter_init(spotter *s);

/* Give at most one hop of samples, KWS_FRONTEND_HOP_SAMPLES. */
spotter_status spotter_push(spotter *s, const int16_t *samples, size_t count, spotter_result *result);

#ifdef __cplusplus
}
#endif

#endif /* SPOTTER_H */
