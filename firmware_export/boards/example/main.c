/* Listens and prints one line a detection: frame, word, smoothed posterior of 32768. */
#include "board.h"
#include "microphone.h"
#include "spotter.h"

static const char *const labels[] = MODEL_LABELS;
static spotter keyword_spotter;
static int16_t hop[KWS_FRONTEND_HOP_SAMPLES];

static void print_number(uint32_t value, const char *after) {
    char text[12];
    char *digit = &text[sizeof text - 1];
    *digit = '\0';
    do {
        *--digit = (char)('0' + value % 10u);
        value /= 10u;
    } while (value != 0);
    board_print(digit);
    board_print(after);
}

#ifdef KWS_STATISTICS_BUFFER_BYTES
/* The counts of every keyword, in the file statistics.bin: triggers, near misses, 16 bins of best scores. */
static void write_statistics(void) {
    const int file = board_open("statistics.bin", 1);
    for (uint16_t label = 0; label < KWS_DETECTOR_CLASSES; label++) {
        kws_word_statistics word;
        kws_statistics_read(&keyword_spotter.statistics, label, &word);
        board_write(file, &word, sizeof word);
    }
}
#endif

#ifdef KWS_RECORDER_BUFFER_BYTES
/* Every take that is kept, as a WAV file behind its description, in the file takes.bin. A product sends them. */
static void write_takes(void) {
    static uint8_t bytes[256];
    const int file = board_open("takes.bin", 1);
    kws_take take;
    uint32_t number, end;
    kws_recorder_range(&keyword_spotter.recorder, &number, &end);
    for (; number != end && kws_recorder_describe(&keyword_spotter.recorder, number, &take) == KWS_RECORDER_OK;
         number++) {
        const uint32_t said[6] = {number,           take.event.kind, take.event.label,
                                  take.event.score, take.frame,      take.samples};
        board_write(file, said, sizeof said);
        kws_recorder_wav_header(&take, KWS_FRONTEND_SAMPLE_RATE, bytes);
        board_write(file, bytes, KWS_RECORDER_WAV_HEADER_BYTES);
        for (uint32_t from = 0; from < take.samples; from += sizeof bytes) {
            const uint32_t left = take.samples - from;
            const uint32_t count = left < sizeof bytes ? left : (uint32_t)sizeof bytes;
            kws_recorder_read(&keyword_spotter.recorder, number, from, bytes, count);
            board_write(file, bytes, count);
        }
        bytes[0] = 0;
        board_write(file, bytes, take.samples & 1u);
    }
}
#endif

int main(void) {
    if (spotter_init(&keyword_spotter) != SPOTTER_LISTENING || microphone_start() != 0) {
        return 2;
    }
    while (microphone_read(hop, KWS_FRONTEND_HOP_SAMPLES) == KWS_FRONTEND_HOP_SAMPLES) {
        spotter_result heard;
        const spotter_status status = spotter_push(&keyword_spotter, hop, KWS_FRONTEND_HOP_SAMPLES, &heard);
        if (status == SPOTTER_ERROR) {
            return 2;
        }
        if (status == SPOTTER_HEARD) {
            print_number(heard.frame, " ");
            board_print(labels[heard.label]);
            board_print(" ");
            print_number(heard.score, "\n");
        }
    }
#ifdef KWS_STATISTICS_BUFFER_BYTES
    write_statistics();
#endif
#ifdef KWS_RECORDER_BUFFER_BYTES
    write_takes();
#endif
    const uint32_t stack = (uint32_t)board_stack_used();
    board_write(board_open("stack.bin", 1), &stack, sizeof stack);
    return 0;
}
