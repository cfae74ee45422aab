/* Whether this build computes what the desktop computed: front end, network and detector over noise made here. */
#include "spotter_selftest.h"

/* Noise of 16 bits that grows louder and softer, from a linear congruential generator. */
static int16_t spotter_selftest_sample(uint32_t *state, uint32_t hop) {
    *state = *state * 1664525u + 1013904223u;
    return (int16_t)(((int32_t)(*state >> 16) - 32768) / (int32_t)(1u << (hop / 8u % 8u)));
}

/* FNV-1a of the two bytes of a score. */
static uint32_t spotter_selftest_hash(uint32_t hash, uint16_t score) {
    hash = (hash ^ (score & 0xffu)) * 16777619u;
    return (hash ^ (uint32_t)(score >> 8)) * 16777619u;
}

spotter_status spotter_selftest(spotter *s, int16_t *hop, uint32_t *checksum) {
    uint32_t noise = 1u;
    uint32_t hash = 2166136261u;
    if (!s || !hop || !checksum || spotter_init(s) != SPOTTER_LISTENING) {
        return SPOTTER_ERROR;
    }
    for (uint32_t number = 0; number < SPOTTER_SELFTEST_HOPS; number++) {
        spotter_result ignored;
        for (uint32_t i = 0; i < KWS_FRONTEND_HOP_SAMPLES; i++) {
            hop[i] = spotter_selftest_sample(&noise, number);
        }
        if (spotter_push(s, hop, KWS_FRONTEND_HOP_SAMPLES, &ignored) == SPOTTER_ERROR) {
            return SPOTTER_ERROR;
        }
        for (uint16_t label = 0; label < KWS_DETECTOR_CLASSES; label++) {
            hash = spotter_selftest_hash(hash, kws_detector_score(&s->detector, label));
        }
    }
    *checksum = hash;
    return hash == SPOTTER_SELFTEST_CHECKSUM ? SPOTTER_LISTENING : SPOTTER_ERROR;
}
