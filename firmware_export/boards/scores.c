/* Runs the detector alone on outputs.bin, int8 outputs of one inference after the other, and writes for each what came
 * of it to out.bin: label and score of a detection, or twice 0xffff. Exit code 0, or 2 where something fails. */
#include "board.h"
#include "kws_detector_constants.h"

#ifndef SENSITIVITY
#define SENSITIVITY 0
#endif

static kws_detector detector;
static uint32_t buffer[(KWS_DETECTOR_BUFFER_BYTES + 3) / 4];
static int8_t outputs[KWS_DETECTOR_CLASSES];

int main(void) {
    const int in = board_open("outputs.bin", 0);
    const int out = board_open("out.bin", 1);
    if (in < 0 || out < 0 ||
        kws_detector_init(&detector, &kws_detector_settings, buffer, sizeof buffer) != KWS_DETECTOR_QUIET ||
        kws_detector_set_sensitivity(&detector, SENSITIVITY) != KWS_DETECTOR_QUIET) {
        return 2;
    }
    while (board_read(in, outputs, sizeof outputs) == sizeof outputs) {
        kws_detection found = {0xffffu, 0xffffu};
        if (kws_detector_step(&detector, outputs, &found) < 0) {
            return 2;
        }
        board_write(out, &found, sizeof found);
    }
    return 0;
}
