#include "spotter.h"

#define SPOTTER_CHECK(name, condition) typedef char name[(condition) ? 1 : -1]
SPOTTER_CHECK(spotter_check_input, MODEL_INPUT_BYTES == KWS_FRONTEND_FRAMES * KWS_FRONTEND_FEATURES);
SPOTTER_CHECK(spotter_check_output, MODEL_OUTPUT_BYTES == KWS_DETECTOR_CLASSES);

spotter_status spotter_init(spotter *s) {
    s->frames = 0;
    s->due = KWS_FRONTEND_FRAMES;
    if (kws_frontend_init(&s->frontend, &kws_frontend_constants, s->buffer, sizeof s->buffer) != KWS_FRONTEND_OK ||
        model_init(&s->network, s->arena, sizeof s->arena) != KWS_OK ||
        kws_detector_init(&s->detector, &kws_detector_settings, s->scores, sizeof s->scores) != KWS_DETECTOR_QUIET) {
        return SPOTTER_ERROR;
    }
    return SPOTTER_LISTENING;
}

/* The ring's frames, oldest first, into the model's input. */
static void spotter_unroll(spotter *s) {
    int8_t *to = model_input(&s->network);
    uint32_t row = s->frames % KWS_FRONTEND_FRAMES;
    for (uint32_t i = 0; i < KWS_FRONTEND_FRAMES; i++) {
        for (uint32_t j = 0; j < KWS_FRONTEND_FEATURES; j++) {
            *to++ = s->ring[row][j];
        }
        row = row + 1 < KWS_FRONTEND_FRAMES ? row + 1 : 0;
    }
}

/* All samples into the front end; 1 where a frame was completed, -1 on an error. At most one frame a hop. */
static int spotter_features(spotter *s, const int16_t *samples, size_t count) {
    int completed = 0;
    int8_t *frame = s->ring[s->frames % KWS_FRONTEND_FRAMES];
    while (count > 0) {
        size_t consumed = 0;
        const kws_frontend_status status = kws_frontend_push(&s->frontend, samples, count, &consumed, frame);
        if (status < 0) {
            return -1;
        }
        completed |= status == KWS_FRONTEND_FRAME;
        samples += consumed;
        count -= consumed;
    }
    return completed;
}

spotter_status spotter_push(spotter *s, const int16_t *samples, size_t count, spotter_result *result) {
    const int completed = count <= KWS_FRONTEND_HOP_SAMPLES ? spotter_features(s, samples, count) : -1;
    if (completed <= 0) {
        return completed < 0 ? SPOTTER_ERROR : SPOTTER_LISTENING;
    }
    s->frames++;
    if (s->frames != s->due) {
        return SPOTTER_LISTENING;
    }
    s->due += KWS_DETECTOR_STRIDE;
    spotter_unroll(s);
    if (model_invoke(&s->network) != KWS_OK) {
        return SPOTTER_ERROR;
    }
    kws_detection detection;
    if (kws_detector_step(&s->detector, model_output(&s->network), &detection) != KWS_DETECTOR_DETECTED) {
        return SPOTTER_LISTENING;
    }
    result->frame = s->frames;
    result->label = detection.label;
    result->score = detection.score;
    return SPOTTER_HEARD;
}
