/* The chain: samples -> features -> ring -> network -> detector. */
#include "spotter.h"
#include "spotter_features.h"

#define SPOTTER_CHECK(name, condition) typedef char name[(condition) ? 1 : -1]
#ifdef MODEL_STEP_ROWS
SPOTTER_CHECK(spotter_check_input, MODEL_STEP_BYTES == MODEL_STEP_ROWS * KWS_FRONTEND_FEATURES);
SPOTTER_CHECK(spotter_check_stride, MODEL_STEP_ROWS == KWS_DETECTOR_STRIDE);
#else
SPOTTER_CHECK(spotter_check_input, MODEL_INPUT_BYTES == KWS_FRONTEND_FRAMES * KWS_FRONTEND_FEATURES);
#endif
SPOTTER_CHECK(spotter_check_output, MODEL_OUTPUT_BYTES == KWS_DETECTOR_CLASSES);

spotter_status spotter_init(spotter *s) {
    s->frames = 0;
    s->due = SPOTTER_FRAMES;
    if (kws_frontend_init(&s->frontend, &kws_frontend_constants, s->buffer, sizeof s->buffer) != KWS_FRONTEND_OK ||
        model_init(&s->network, s->arena, sizeof s->arena) != KWS_OK ||
        kws_detector_init(&s->detector, &kws_detector_settings, s->scores, sizeof s->scores) != KWS_DETECTOR_QUIET) {
        return SPOTTER_ERROR;
    }
#ifdef KWS_STATISTICS_BUFFER_BYTES
    if (kws_statistics_init(&s->statistics, KWS_DETECTOR_CLASSES, KWS_STATISTICS_NEAR, s->counts, sizeof s->counts) !=
        KWS_STATISTICS_OK) {
        return SPOTTER_ERROR;
    }
#endif
#ifdef KWS_RECORDER_BUFFER_BYTES
    if (kws_recorder_init(&s->recorder, KWS_RECORDER_TAKES, KWS_RECORDER_TAKE_SAMPLES, KWS_RECORDER_AFTER, s->takes,
                          sizeof s->takes) != KWS_RECORDER_OK) {
        return SPOTTER_ERROR;
    }
#endif
    return SPOTTER_LISTENING;
}

#ifdef MODEL_STEP_ROWS
/* One step on the frames at hand; KWS_NOT_READY while the first window is not full. */
static kws_status spotter_infer(spotter *s, int8_t *outputs) {
    return model_step(&s->network, s->ring[0], outputs);
}
#else
/* The ring's frames, oldest first, into the model's input, and an inference. */
static kws_status spotter_infer(spotter *s, int8_t *outputs) {
    int8_t *to = model_input(&s->network);
    uint32_t row = s->frames % SPOTTER_FRAMES;
    for (uint32_t i = 0; i < SPOTTER_FRAMES; i++) {
        for (uint32_t j = 0; j < KWS_FRONTEND_FEATURES; j++) {
            *to++ = s->ring[row][j];
        }
        row = row + 1 < SPOTTER_FRAMES ? row + 1 : 0;
    }
    const kws_status status = model_invoke(&s->network);
    const int8_t *from = model_output(&s->network);
    for (uint32_t i = 0; i < MODEL_OUTPUT_BYTES; i++) {
        outputs[i] = from[i];
    }
    return status;
}
#endif

#ifdef KWS_STATISTICS_BUFFER_BYTES
/* Count what the detector made of an inference, and keep its sound where it is of interest. */
static void spotter_watch(spotter *s, const kws_detection *detection) {
    kws_event event;
    if (kws_statistics_step(&s->statistics, &s->detector, detection, &event) == KWS_STATISTICS_EVENT) {
#ifdef KWS_RECORDER_BUFFER_BYTES
        kws_recorder_mark(&s->recorder, &event, s->frames);
#endif
    }
}
#endif

/* An inference or a step, and what the detector makes of it. */
static spotter_status spotter_decide(spotter *s, spotter_result *result) {
    int8_t outputs[MODEL_OUTPUT_BYTES];
    const kws_status status = spotter_infer(s, outputs);
    if (status != KWS_OK) {
        return status == KWS_NOT_READY ? SPOTTER_LISTENING : SPOTTER_ERROR;
    }
#if MODEL_OUTPUT_UNSIGNED
    for (uint32_t i = 0; i < MODEL_OUTPUT_BYTES; i++) {
        outputs[i] = (int8_t)(outputs[i] ^ -128); /* the same probability, less 128 */
    }
#endif
    kws_detection detection;
    const int heard = kws_detector_step(&s->detector, outputs, &detection) == KWS_DETECTOR_DETECTED;
#ifdef KWS_STATISTICS_BUFFER_BYTES
    spotter_watch(s, heard ? &detection : NULL);
#endif
    if (!heard) {
        return SPOTTER_LISTENING;
    }
    result->frame = s->frames;
    result->label = detection.label;
    result->score = detection.score;
    return SPOTTER_HEARD;
}

spotter_status spotter_push(spotter *s, const int16_t *samples, size_t count, spotter_result *result) {
#ifdef KWS_RECORDER_BUFFER_BYTES
    if (kws_recorder_push(&s->recorder, samples, count) != KWS_RECORDER_OK) {
        return SPOTTER_ERROR;
    }
#endif
    int8_t *frame = s->ring[s->frames % SPOTTER_FRAMES];
    const int completed =
        count <= KWS_FRONTEND_HOP_SAMPLES ? spotter_features(&s->frontend, samples, count, frame) : -1;
    if (completed <= 0) {
        return completed < 0 ? SPOTTER_ERROR : SPOTTER_LISTENING;
    }
    s->frames++;
    if (s->frames != s->due) {
        return SPOTTER_LISTENING;
    }
    s->due += KWS_DETECTOR_STRIDE;
    return spotter_decide(s, result);
}
