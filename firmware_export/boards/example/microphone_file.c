/* The microphone of the emulated boards: the file pcm.bin, 16-bit samples, little-endian. */
#include "board.h"
#include "microphone.h"

static int recording = -1;

int microphone_start(void) {
    recording = board_open("pcm.bin", 0);
    return recording < 0 ? 1 : 0;
}

size_t microphone_read(int16_t *samples, size_t count) {
    return board_read(recording, samples, count * sizeof *samples) / sizeof *samples;
}
