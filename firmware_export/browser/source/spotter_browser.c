/* What the page calls: one spotter, one hop of samples at a time. Everything is in the module's own memory. */
#include "spotter_selftest.h"

#define EXPORT(name) __attribute__((export_name(#name)))

static spotter listener;
static spotter_result heard;
static int16_t hop[KWS_FRONTEND_HOP_SAMPLES];

/* Where the page writes the next samples. */
EXPORT(samples) int16_t *browser_samples(void) {
    return hop;
}

EXPORT(begin) int browser_begin(void) {
    return spotter_init(&listener);
}

/* Take `count` samples; a spotter_status. */
EXPORT(push) int browser_push(uint32_t count) {
    return spotter_push(&listener, hop, count, &heard);
}

/* Frames of features since the beginning, and the newest of them. */
EXPORT(frames) uint32_t browser_frames(void) {
    return listener.frames;
}

EXPORT(features) const int8_t *browser_features(void) {
    return listener.ring[(listener.frames + SPOTTER_FRAMES - 1u) % SPOTTER_FRAMES];
}

/* Smoothed posterior and threshold of a class, Q15. */
EXPORT(score) uint32_t browser_score(uint32_t label) {
    return kws_detector_score(&listener.detector, (uint16_t)label);
}

EXPORT(threshold) uint32_t browser_threshold(uint32_t label) {
    return kws_detector_threshold(&listener.detector, (uint16_t)label);
}

EXPORT(sensitivity) int browser_sensitivity(int sensitivity) {
    return kws_detector_set_sensitivity(&listener.detector, sensitivity);
}

/* The last detection. */
EXPORT(heard_label) uint32_t browser_heard_label(void) {
    return heard.label;
}

EXPORT(heard_score) uint32_t browser_heard_score(void) {
    return heard.score;
}

EXPORT(heard_frame) uint32_t browser_heard_frame(void) {
    return heard.frame;
}

/* 1 where this browser computes what the desktop computed. */
EXPORT(selftest) int browser_selftest(void) {
    uint32_t checksum;
    return spotter_selftest(&listener, hop, &checksum) == SPOTTER_LISTENING;
}
