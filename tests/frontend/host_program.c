/* The exported files as a program for the host: samples from standard input, features to standard output. */
#include <stdio.h>

#include "kws_frontend_tables.h"

static uint32_t buffer[(KWS_FRONTEND_BUFFER_BYTES + 3) / 4];
static int16_t samples[KWS_FRONTEND_HOP_SAMPLES + 7];
static int8_t features[KWS_FRONTEND_FEATURES];

/* Every refusal that the header promises; 0 when all are as they should be. */
static int refusals(void) {
    kws_frontend frontend;
    kws_frontend_tables other = kws_frontend_constants;
    size_t consumed = 0;
    other.mels = (uint16_t)(other.mels + 1);
    if (kws_frontend_init(NULL, &kws_frontend_constants, buffer, sizeof buffer) != KWS_FRONTEND_BAD_ARGUMENT ||
        kws_frontend_init(&frontend, NULL, buffer, sizeof buffer) != KWS_FRONTEND_BAD_ARGUMENT ||
        kws_frontend_init(&frontend, &kws_frontend_constants, NULL, 0) != KWS_FRONTEND_BAD_ARGUMENT ||
        kws_frontend_init(&frontend, &other, buffer, sizeof buffer) != KWS_FRONTEND_BAD_ARGUMENT ||
        kws_frontend_init(&frontend, &kws_frontend_constants, (char *)buffer + 2, sizeof buffer) !=
            KWS_FRONTEND_BAD_ARGUMENT ||
        kws_frontend_init(&frontend, &kws_frontend_constants, buffer, KWS_FRONTEND_BUFFER_BYTES - 1) !=
            KWS_FRONTEND_SMALL_BUFFER ||
        kws_frontend_init(&frontend, &kws_frontend_constants, buffer, KWS_FRONTEND_BUFFER_BYTES) != KWS_FRONTEND_OK) {
        return 1;
    }
    if (kws_frontend_push(NULL, samples, 1, &consumed, features) != KWS_FRONTEND_BAD_ARGUMENT ||
        kws_frontend_push(&frontend, NULL, 1, &consumed, features) != KWS_FRONTEND_BAD_ARGUMENT ||
        kws_frontend_push(&frontend, samples, 1, NULL, features) != KWS_FRONTEND_BAD_ARGUMENT ||
        kws_frontend_push(&frontend, samples, 1, &consumed, NULL) != KWS_FRONTEND_BAD_ARGUMENT ||
        kws_frontend_reset(NULL) != KWS_FRONTEND_BAD_ARGUMENT) {
        return 2;
    }
    return kws_frontend_frame_size(&kws_frontend_constants) == KWS_FRONTEND_FEATURES ? 0 : 3;
}

int main(void) {
    kws_frontend frontend;
    const int wrong = refusals();
    if (wrong) {
        return wrong;
    }
    if (kws_frontend_init(&frontend, &kws_frontend_constants, buffer, KWS_FRONTEND_BUFFER_BYTES) != KWS_FRONTEND_OK) {
        return 4;
    }
    for (;;) {
        const size_t count = fread(samples, sizeof samples[0], sizeof samples / sizeof samples[0], stdin);
        if (count == 0) {
            return 0;
        }
        size_t at = 0;
        while (at < count) {
            size_t consumed = 0;
            const kws_frontend_status status =
                kws_frontend_push(&frontend, samples + at, count - at, &consumed, features);
            at += consumed;
            if (status == KWS_FRONTEND_FRAME) {
                fwrite(features, 1, sizeof features, stdout);
            }
        }
    }
}
