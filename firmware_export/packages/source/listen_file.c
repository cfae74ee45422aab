/* Plays a WAV file (PCM, 16 bits, one channel, the model's sample rate) to the spotter and prints what it hears:
 * frame, word, smoothed posterior of 32768. */
#include <stdio.h>
#include <string.h>

#include "spotter.h"

static const char *const labels[] = MODEL_LABELS;
static spotter listener;
static int16_t hop[KWS_FRONTEND_HOP_SAMPLES];

static uint32_t little_endian(const unsigned char *bytes, int count) {
    uint32_t value = 0;
    while (count-- > 0) {
        value = value << 8 | bytes[count];
    }
    return value;
}

/* Skip to the samples; their bytes, or 0 for another kind of file. */
static uint32_t find_samples(FILE *file) {
    unsigned char head[12], format[16];
    int known = 0;
    if (fread(head, 1, 12, file) != 12 || memcmp(head, "RIFF", 4) != 0 || memcmp(head + 8, "WAVE", 4) != 0) {
        return 0;
    }
    while (fread(head, 1, 8, file) == 8) {
        const uint32_t size = little_endian(head + 4, 4);
        uint32_t left = size + (size & 1u);
        if (memcmp(head, "data", 4) == 0) {
            return known ? size : 0;
        }
        if (memcmp(head, "fmt ", 4) == 0 && size >= 16 && fread(format, 1, 16, file) == 16) {
            known = little_endian(format, 2) == 1 && little_endian(format + 2, 2) == 1 &&
                    little_endian(format + 4, 4) == KWS_FRONTEND_SAMPLE_RATE && little_endian(format + 14, 2) == 16;
            left -= 16;
        }
        if (fseek(file, (long)left, SEEK_CUR) != 0) {
            return 0;
        }
    }
    return 0;
}

static size_t read_hop(FILE *file, uint32_t *left) {
    unsigned char bytes[2 * KWS_FRONTEND_HOP_SAMPLES];
    const size_t wanted = *left < sizeof bytes ? *left : sizeof bytes;
    const size_t count = fread(bytes, 1, wanted, file) / 2;
    *left -= (uint32_t)wanted;
    for (size_t i = 0; i < count; i++) {
        hop[i] = (int16_t)(uint16_t)little_endian(bytes + 2 * i, 2);
    }
    return count;
}

static int listen(FILE *file, uint32_t left) {
    size_t count;
    while ((count = read_hop(file, &left)) > 0) {
        spotter_result heard;
        const spotter_status status = spotter_push(&listener, hop, count, &heard);
        if (status == SPOTTER_ERROR) {
            return 2;
        }
        if (status == SPOTTER_HEARD) {
            printf("%lu %s %u\n", (unsigned long)heard.frame, labels[heard.label], (unsigned)heard.score);
        }
    }
    return 0;
}

int main(int count, char **arguments) {
    FILE *const file = count == 2 ? fopen(arguments[1], "rb") : NULL;
    if (file == NULL) {
        fprintf(stderr, "usage: listen FILE.wav\n");
        return 2;
    }
    const uint32_t bytes = find_samples(file);
    int status = 2;
    if (bytes == 0 || spotter_init(&listener) != SPOTTER_LISTENING) {
        fprintf(stderr, "expected a WAV file: PCM, 16 bits, one channel, %d Hz\n", KWS_FRONTEND_SAMPLE_RATE);
    } else {
        status = listen(file, bytes);
    }
    fclose(file);
    return status;
}
