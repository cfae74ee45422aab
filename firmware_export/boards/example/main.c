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
    const uint32_t stack = (uint32_t)board_stack_used();
    board_write(board_open("stack.bin", 1), &stack, sizeof stack);
    return 0;
}
