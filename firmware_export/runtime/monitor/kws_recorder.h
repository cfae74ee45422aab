/* A ring buffer that keeps the sound around triggers and near misses: `takes` of them, the oldest gives way.
 *
 * Sound is kept as G.711 mu-law, a byte a sample. The buffer is takes + 1 slots of one take each; samples go round in
 * one slot until an event has been marked and `after` more samples have come, then that slot is a take and the next
 * slot, the oldest, is recorded into: nothing is copied, and a take holds what was heard since the one before, at most
 * `take_samples`. Takes are numbered from 0. Nothing is kept that was not marked, and nothing leaves the buffer unless
 * it is read. Not for use from an interrupt and a task at once. The caller owns the context and its buffer. */
#ifndef KWS_RECORDER_H
#define KWS_RECORDER_H

#include "kws_statistics.h"

#ifdef __cplusplus
extern "C" {
#endif

#define KWS_RECORDER_WAV_HEADER_BYTES 58

typedef enum {
    KWS_RECORDER_OK = 0,
    KWS_RECORDER_BAD_ARGUMENT = -1,
    KWS_RECORDER_SMALL_BUFFER = -2, /* the buffer holds less than kws_recorder_get_buffer_size() */
    KWS_RECORDER_GONE = -3          /* no take of that number: it gave way, or is still to come */
} kws_recorder_status;

typedef struct {
    uint32_t samples; /* how many there are, each a byte */
    uint32_t first;   /* place of the oldest in its slot */
    uint32_t frame;   /* when the event was marked, as the caller counts */
    kws_event event;
    uint16_t padding;
} kws_take;

/* Treat the members as private. */
typedef struct {
    kws_take *takes; /* [slots] */
    uint8_t *sound;  /* [slots][take_samples] */
    uint32_t slots;
    uint32_t take_samples;
    uint32_t after;
    uint32_t number; /* of the take that is being recorded */
    uint32_t oldest; /* number of the oldest one that is kept, if it is less */
    uint32_t place;  /* of the next sample in its slot */
    uint32_t filled;
    uint32_t left; /* samples until the slot is a take, where an event was marked */
} kws_recorder;

/* Bytes of the buffer that kws_recorder_init() wants, to be aligned to 4; 0 for sizes that are not possible. */
size_t kws_recorder_get_buffer_size(uint32_t takes, uint32_t take_samples);

/* Begin to record, `takes` of at most `take_samples` each, the last `after`, at least 1, of which come after
 * the event. */
kws_recorder_status kws_recorder_init(kws_recorder *recorder, uint32_t takes, uint32_t take_samples, uint32_t after,
                                      void *buffer, size_t buffer_size);

/* Take the next samples. */
kws_recorder_status kws_recorder_push(kws_recorder *recorder, const int16_t *samples, size_t count);

/* Keep the sound around this moment. Before the samples after an earlier event have come, a trigger takes the place of
 * a near miss, and any other event is left out. */
kws_recorder_status kws_recorder_mark(kws_recorder *recorder, const kws_event *event, uint32_t frame);

/* Numbers of the takes that can be read: from *first up to, and without, *end. */
kws_recorder_status kws_recorder_range(const kws_recorder *recorder, uint32_t *first, uint32_t *end);

/* What the take of a number is. */
kws_recorder_status kws_recorder_describe(const kws_recorder *recorder, uint32_t number, kws_take *take);

/* Copy bytes `from` to `from + count` of a take, oldest first. */
kws_recorder_status kws_recorder_read(const kws_recorder *recorder, uint32_t number, uint32_t from, uint8_t *bytes,
                                      uint32_t count);

/* The header that makes a take's bytes a WAV file (mu-law, one channel): 58 bytes; an odd number of samples is to be
 * followed by a byte 0. */
kws_recorder_status kws_recorder_wav_header(const kws_take *take, uint32_t sample_rate, uint8_t *header);

/* Forget all takes, and what is being recorded. */
kws_recorder_status kws_recorder_clear(kws_recorder *recorder);

#ifdef __cplusplus
}
#endif

#endif /* KWS_RECORDER_H */
