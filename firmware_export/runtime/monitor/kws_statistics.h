/* Counters of what a detector's scores did, for judging it where it is used: for every keyword the triggers, the near
 * misses, and a histogram of best scores.
 *
 * An excursion of a keyword begins when its smoothed posterior reaches the near level, a share of its threshold at the
 * present sensitivity, and ends when it falls below half of that level. Its best score is counted in one of 16 bins as
 * wide as 1/16. It is a near miss where nothing was detected in it and its best score stayed below the threshold.
 * Integers only, no malloc, no global state: the caller owns the context and its buffer. Python counts alike. */
#ifndef KWS_STATISTICS_H
#define KWS_STATISTICS_H

#include "kws_detector.h"

#ifdef __cplusplus
extern "C" {
#endif

#define KWS_STATISTICS_BINS 16

typedef enum {
    KWS_STATISTICS_OK = 0,
    KWS_STATISTICS_EVENT = 1, /* *event is new */
    KWS_STATISTICS_BAD_ARGUMENT = -1,
    KWS_STATISTICS_SMALL_BUFFER = -2 /* the buffer holds less than kws_statistics_get_buffer_size() */
} kws_statistics_status;

typedef enum { KWS_EVENT_TRIGGER = 1, KWS_EVENT_NEAR_MISS = 2 } kws_event_kind;

typedef struct {
    uint16_t kind;  /* a kws_event_kind */
    uint16_t label; /* number of the keyword */
    uint16_t score; /* smoothed posterior of 32768: where it triggered, or the best of a near miss */
} kws_event;

/* What was counted of one keyword since the last reset; a counter that is full stays full. */
typedef struct {
    uint32_t triggers;
    uint32_t near_misses;
    uint32_t best[KWS_STATISTICS_BINS]; /* excursions by best score, from 0 to 1 */
} kws_word_statistics;

/* Treat the members as private. */
typedef struct {
    kws_word_statistics *words; /* [classes] */
    uint16_t *peak;             /* [classes], best score of the present excursion, 0 outside of one */
    uint8_t *triggered;         /* [classes], whether it was detected in the present excursion */
    uint32_t inferences;
    uint16_t classes;
    uint16_t near; /* Q15 share of the threshold */
} kws_statistics;

/* Bytes of the buffer that kws_statistics_init() wants, to be aligned to 4. */
size_t kws_statistics_get_buffer_size(uint16_t classes);

/* Begin to count, for a detector of so many classes; `near` is the near level's Q15 share of the threshold, 1 to 32768.
 * The caller keeps the buffer. */
kws_statistics_status kws_statistics_init(kws_statistics *statistics, uint16_t classes, uint16_t near, void *buffer,
                                          size_t buffer_size);

/* All counters to 0. */
kws_statistics_status kws_statistics_reset(kws_statistics *statistics);

/* Count one inference, after kws_detector_step(): `detection` is what it found, null where it found nothing. Of several
 * events at once the trigger is reported, else the near miss with the best score; all are counted. */
kws_statistics_status kws_statistics_step(kws_statistics *statistics, const kws_detector *detector,
                                          const kws_detection *detection, kws_event *event);

/* What was counted of one keyword. */
kws_statistics_status kws_statistics_read(const kws_statistics *statistics, uint16_t label, kws_word_statistics *word);

#ifdef __cplusplus
}
#endif

#endif /* KWS_STATISTICS_H */
