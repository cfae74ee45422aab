/* The chain of two networks: samples -> features -> ring -> first -> detector -> second -> its detector. */
#include "spotter.h"
#include "spotter_features.h"

#ifdef MODEL_STEP_ROWS
#define SPOTTER_FIRST_ROWS MODEL_STEP_ROWS /* frames that the first network takes at once */
#define SPOTTER_FIRST_BYTES MODEL_STEP_BYTES
#else
#define SPOTTER_FIRST_ROWS KWS_FRONTEND_FRAMES
#define SPOTTER_FIRST_BYTES MODEL_INPUT_BYTES
#endif
#ifdef VERIFIER_STEP_ROWS
#define SPOTTER_SECOND_BYTES VERIFIER_STEP_BYTES
#else
#define SPOTTER_SECOND_BYTES VERIFIER_INPUT_BYTES
#endif

#define SPOTTER_CHECK(name, condition) typedef char name[(condition) ? 1 : -1]
SPOTTER_CHECK(spotter_check_first, SPOTTER_FIRST_BYTES == SPOTTER_FIRST_ROWS * KWS_FRONTEND_FEATURES);
SPOTTER_CHECK(spotter_check_second, SPOTTER_SECOND_BYTES == VERIFIER_PIECE_FRAMES * KWS_FRONTEND_FEATURES);
SPOTTER_CHECK(spotter_check_ring, SPOTTER_FIRST_ROWS <= VERIFIER_RING_FRAMES);
SPOTTER_CHECK(spotter_check_output, MODEL_OUTPUT_BYTES == KWS_DETECTOR_CLASSES);
SPOTTER_CHECK(spotter_check_judge, VERIFIER_OUTPUT_BYTES == VERIFIER_DETECTOR_CLASSES);

spotter_status spotter_init(spotter *s) {
    s->frames = 0;
    s->due = SPOTTER_FIRST_ROWS;
    s->wakes = 0;
    s->agreed = 0;
    s->word = KWS_DETECTOR_NEVER;
    if (kws_frontend_init(&s->frontend, &kws_frontend_constants, s->buffer, sizeof s->buffer) != KWS_FRONTEND_OK ||
        model_init(&s->network, s->arena.first, sizeof s->arena.first) != KWS_OK ||
        verifier_init(&s->second, s->arena.second, sizeof s->arena.second) != KWS_OK ||
        kws_detector_init(&s->detector, &kws_detector_settings, s->scores, sizeof s->scores) != KWS_DETECTOR_QUIET ||
        kws_detector_init(&s->judge, &verifier_detector_settings, s->judged, sizeof s->judged) != KWS_DETECTOR_QUIET) {
        return SPOTTER_ERROR;
    }
    return SPOTTER_LISTENING;
}

/* The `rows` frames before frame number `end`, oldest first. */
static void spotter_copy(const spotter *s, uint32_t end, uint32_t rows, int8_t *to) {
    for (uint32_t i = end - rows; i != end; i++) {
        const int8_t *row = s->ring[i % VERIFIER_RING_FRAMES];
        for (uint32_t j = 0; j < KWS_FRONTEND_FEATURES; j++) {
            *to++ = row[j];
        }
    }
}

/* Scores as int8: of uint8 probabilities less 128. */
static void spotter_scores(const int8_t *from, int8_t *to, uint32_t count, int is_unsigned) {
    for (uint32_t i = 0; i < count; i++) {
        to[i] = (int8_t)(is_unsigned ? from[i] ^ -128 : from[i]);
    }
}

/* The first network on the newest frames. */
static kws_status spotter_infer(spotter *s, int8_t *outputs) {
#ifdef MODEL_STEP_ROWS
    int8_t rows[MODEL_STEP_BYTES], found[MODEL_OUTPUT_BYTES];
    spotter_copy(s, s->frames, MODEL_STEP_ROWS, rows);
    const kws_status status = model_step(&s->network, rows, found);
    spotter_scores(found, outputs, MODEL_OUTPUT_BYTES, MODEL_OUTPUT_UNSIGNED);
#else
    spotter_copy(s, s->frames, KWS_FRONTEND_FRAMES, model_input(&s->network));
    const kws_status status = model_invoke(&s->network);
    spotter_scores(model_output(&s->network), outputs, MODEL_OUTPUT_BYTES, MODEL_OUTPUT_UNSIGNED);
#endif
    return status;
}

/* The second network on the frames that end at s->next. */
static kws_status spotter_verify(spotter *s, int8_t *outputs) {
#ifdef VERIFIER_STEP_ROWS
    int8_t rows[VERIFIER_STEP_BYTES], found[VERIFIER_OUTPUT_BYTES];
    spotter_copy(s, s->next, VERIFIER_PIECE_FRAMES, rows);
    const kws_status status = verifier_step(&s->second, rows, found);
    spotter_scores(found, outputs, VERIFIER_OUTPUT_BYTES, VERIFIER_OUTPUT_UNSIGNED);
#else
    spotter_copy(s, s->next, VERIFIER_PIECE_FRAMES, verifier_input(&s->second));
    const kws_status status = verifier_invoke(&s->second);
    spotter_scores(verifier_output(&s->second), outputs, VERIFIER_OUTPUT_BYTES, VERIFIER_OUTPUT_UNSIGNED);
#endif
    return status;
}

/* The second network begins a look at `word`: at the first of its windows that the stream is long enough for. */
static spotter_status spotter_wake(spotter *s, uint16_t word) {
    uint32_t end = s->frames > VERIFIER_BEFORE ? s->frames - VERIFIER_BEFORE : 0;
    uint32_t early = s->frames < VERIFIER_BEFORE ? VERIFIER_BEFORE - s->frames : 0; /* frames before the begin */
    while (early > 0 || end < VERIFIER_FIRST_FRAMES) {
        const uint32_t step = VERIFIER_DETECTOR_STRIDE;
        end += step > early ? step - early : 0;
        early -= step < early ? step : early;
    }
    s->last = s->frames + VERIFIER_AFTER;
    s->next = end - VERIFIER_FIRST_FRAMES + VERIFIER_PIECE_FRAMES;
    s->word = end <= s->last ? word : KWS_DETECTOR_NEVER;
    s->wakes++;
#ifdef VERIFIER_STEP_ROWS
    if (verifier_reset(&s->second) != KWS_OK) {
        return SPOTTER_ERROR;
    }
#endif
    return kws_detector_reset(&s->judge) == KWS_DETECTOR_QUIET ? SPOTTER_LISTENING : SPOTTER_ERROR;
}

/* An inference or a step of the second network; SPOTTER_HEARD, and the end of the look, where it finds the word. */
static spotter_status spotter_look(spotter *s, spotter_result *result) {
    int8_t outputs[VERIFIER_OUTPUT_BYTES];
    kws_detection detection;
    const kws_status status = spotter_verify(s, outputs);
    s->next += VERIFIER_DETECTOR_STRIDE;
    if (status == KWS_OK && kws_detector_step(&s->judge, outputs, &detection) == KWS_DETECTOR_DETECTED &&
        detection.label == verifier_label_of[s->word]) {
        result->frame = s->frames;
        result->label = s->word;
        result->score = detection.score;
        s->word = KWS_DETECTOR_NEVER;
        s->agreed++;
        return SPOTTER_HEARD;
    }
    if (s->next > s->last) {
        s->word = KWS_DETECTOR_NEVER;
    }
    return status == KWS_OK || status == KWS_NOT_READY ? SPOTTER_LISTENING : SPOTTER_ERROR;
}

/* An inference or a step of the first network, and what its detector makes of it. */
static spotter_status spotter_listen(spotter *s) {
    int8_t outputs[MODEL_OUTPUT_BYTES];
    kws_detection detection;
    const kws_status status = spotter_infer(s, outputs);
    if (status != KWS_OK) {
        return status == KWS_NOT_READY ? SPOTTER_LISTENING : SPOTTER_ERROR;
    }
    if (kws_detector_step(&s->detector, outputs, &detection) == KWS_DETECTOR_DETECTED &&
        s->word == KWS_DETECTOR_NEVER) {
        return spotter_wake(s, detection.label);
    }
    return SPOTTER_LISTENING;
}

spotter_status spotter_push(spotter *s, const int16_t *samples, size_t count, spotter_result *result) {
    int8_t *frame = s->ring[s->frames % VERIFIER_RING_FRAMES];
    const int completed =
        count <= KWS_FRONTEND_HOP_SAMPLES ? spotter_features(&s->frontend, samples, count, frame) : -1;
    if (completed <= 0) {
        return completed < 0 ? SPOTTER_ERROR : SPOTTER_LISTENING;
    }
    spotter_status status = SPOTTER_LISTENING;
    s->frames++;
    if (s->frames == s->due) {
        s->due += KWS_DETECTOR_STRIDE;
        status = spotter_listen(s);
    }
    for (uint32_t i = 0; i < VERIFIER_A_HOP && status == SPOTTER_LISTENING; i++) {
        if (s->word == KWS_DETECTOR_NEVER || s->next > s->frames) {
            break;
        }
        status = spotter_look(s, result);
    }
    return status;
}
