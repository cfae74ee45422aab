/* Listens to a microphone and prints one line a detection: frame, word, smoothed posterior of 32768. */
#include <stdio.h>

#include "microphone.h"
#include "spotter.h"

static const char *const labels[] = MODEL_LABELS;
static spotter listener;
static int16_t hop[KWS_FRONTEND_HOP_SAMPLES];

int main(void) {
    if (spotter_init(&listener) != SPOTTER_LISTENING || microphone_start() != 0) {
        return 2;
    }
    while (microphone_read(hop, KWS_FRONTEND_HOP_SAMPLES) == KWS_FRONTEND_HOP_SAMPLES) {
        spotter_result heard;
        const spotter_status status = spotter_push(&listener, hop, KWS_FRONTEND_HOP_SAMPLES, &heard);
        if (status == SPOTTER_ERROR) {
            return 2;
        }
        if (status == SPOTTER_HEARD) {
            printf("%lu %s %u\n", (unsigned long)heard.frame, labels[heard.label], (unsigned)heard.score);
        }
    }
    return 0;
}
