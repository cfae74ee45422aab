/* Detector, counters and recorder on scores and samples from files: hop.bin says how many samples come with a row. */
#include <stdio.h>
#include <stdlib.h>

#include "kws_detector_constants.h"
#include "kws_recorder.h"

static uint32_t detector_buffer[4096], counts[1024], sound[(KWS_RECORDER_BUFFER_BYTES + 3) / 4];

int main(int count, char **arguments) {
    const size_t hop = (size_t)atoi(arguments[count - 1]);
    int8_t scores[KWS_DETECTOR_CLASSES];
    int16_t *samples = malloc(hop * sizeof *samples);
    FILE *rows = fopen("outputs.bin", "rb"), *pcm = fopen("pcm.bin", "rb"), *out = fopen("out.bin", "wb");
    kws_detector detector;
    kws_statistics statistics;
    kws_recorder recorder;
    if (kws_detector_init(&detector, &kws_detector_settings, detector_buffer, sizeof detector_buffer) < 0 ||
        kws_statistics_init(&statistics, KWS_DETECTOR_CLASSES, KWS_STATISTICS_NEAR, counts,
                            KWS_STATISTICS_BUFFER_BYTES) < 0 ||
        kws_recorder_init(&recorder, KWS_RECORDER_TAKES, KWS_RECORDER_TAKE_SAMPLES, KWS_RECORDER_AFTER, sound,
                          KWS_RECORDER_BUFFER_BYTES) < 0) {
        return 2;
    }
    for (uint32_t n = 0; fread(scores, 1, sizeof scores, rows) == sizeof scores; n++) {
        kws_detection detection;
        kws_event event;
        if (n == 150 || n == 400) { /* moved while it runs */
            kws_detector_set_sensitivity(&detector, n == 150 ? 40 : -25);
        }
        kws_recorder_push(&recorder, samples, fread(samples, sizeof *samples, hop, pcm));
        const int heard = kws_detector_step(&detector, scores, &detection) == KWS_DETECTOR_DETECTED;
        if (kws_statistics_step(&statistics, &detector, heard ? &detection : NULL, &event) == KWS_STATISTICS_EVENT) {
            kws_recorder_mark(&recorder, &event, n);
        }
    }
    for (uint16_t c = 0; c < KWS_DETECTOR_CLASSES; c++) {
        kws_word_statistics word;
        kws_statistics_read(&statistics, c, &word);
        fwrite(&word, sizeof word, 1, out);
    }
    uint32_t number, end;
    kws_recorder_range(&recorder, &number, &end);
    for (; number < end; number++) {
        kws_take take;
        uint8_t header[KWS_RECORDER_WAV_HEADER_BYTES];
        kws_recorder_describe(&recorder, number, &take);
        uint8_t *bytes = malloc(take.samples + 1u);
        const uint32_t said[] = {number, take.event.kind, take.event.label, take.event.score, take.frame, take.samples};
        kws_recorder_wav_header(&take, 16000, header);
        kws_recorder_read(&recorder, number, 0, bytes, take.samples);
        bytes[take.samples] = 0;
        fwrite(said, sizeof said, 1, out);
        fwrite(header, sizeof header, 1, out);
        fwrite(bytes, take.samples + (take.samples & 1u), 1, out);
        free(bytes);
    }
    free(samples);
    fclose(out);
    kws_take gone;
    return kws_recorder_describe(&recorder, end, &gone) == KWS_RECORDER_GONE ? 0 : 3;
}
