/* RIFF header of a mu-law file: chunks fmt (18 bytes, format 7), fact and data. */
#include "kws_recorder.h"

static void kws_put(uint8_t *to, uint32_t value, uint32_t bytes) {
    for (uint32_t i = 0; i < bytes; i++) {
        to[i] = (uint8_t)(value >> (8u * i));
    }
}

static void kws_name(uint8_t *to, const char *name) {
    for (uint32_t i = 0; i < 4; i++) {
        to[i] = (uint8_t)name[i];
    }
}

kws_recorder_status kws_recorder_wav_header(const kws_take *take, uint32_t sample_rate, uint8_t *header) {
    if (!take || !header || sample_rate == 0) {
        return KWS_RECORDER_BAD_ARGUMENT;
    }
    kws_name(header, "RIFF");
    kws_put(header + 4, KWS_RECORDER_WAV_HEADER_BYTES - 8u + take->samples + (take->samples & 1u), 4);
    kws_name(header + 8, "WAVE");
    kws_name(header + 12, "fmt ");
    kws_put(header + 16, 18, 4);
    kws_put(header + 20, 7, 2);
    kws_put(header + 22, 1, 2);
    kws_put(header + 24, sample_rate, 4);
    kws_put(header + 28, sample_rate, 4);
    kws_put(header + 32, 1, 2);
    kws_put(header + 34, 8, 2);
    kws_put(header + 36, 0, 2);
    kws_name(header + 38, "fact");
    kws_put(header + 42, 4, 4);
    kws_put(header + 46, take->samples, 4);
    kws_name(header + 50, "data");
    kws_put(header + 54, take->samples, 4);
    return KWS_RECORDER_OK;
}
