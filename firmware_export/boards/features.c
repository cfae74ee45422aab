/* Runs the front end alone on pcm.bin, one hop at a time, and writes every frame to out.bin and the stack's high-water
 * mark to stack.bin. A marker is before and after each push. Exit code 0, or 2 where something fails. */
#include "board.h"
#include "kws_frontend.h"
#include "kws_frontend_tables.h"

#ifndef KWS_PROBE
#define KWS_PROBE(layer) ((void)0)
#endif

static kws_frontend frontend;
static _Alignas(4) uint8_t buffer[KWS_FRONTEND_BUFFER_BYTES];
static int16_t hop[KWS_FRONTEND_HOP_SAMPLES];
static int8_t features[KWS_FRONTEND_FEATURES];

int main(void) {
    const int in = board_open("pcm.bin", 0);
    const int out = board_open("out.bin", 1);
    if (in < 0 || out < 0 ||
        kws_frontend_init(&frontend, &kws_frontend_constants, buffer, sizeof buffer) != KWS_FRONTEND_OK) {
        return 2;
    }
    while (board_read(in, hop, sizeof hop) == sizeof hop) {
        size_t taken = 0;
        int completed = 0;
        KWS_PROBE(0);
        while (taken < KWS_FRONTEND_HOP_SAMPLES) {
            size_t consumed = 0;
            const kws_frontend_status status =
                kws_frontend_push(&frontend, hop + taken, KWS_FRONTEND_HOP_SAMPLES - taken, &consumed, features);
            if (status < 0) {
                return 2;
            }
            completed |= status == KWS_FRONTEND_FRAME;
            taken += consumed;
        }
        KWS_PROBE(1);
        if (completed) {
            board_write(out, features, sizeof features);
        }
    }
    const uint32_t stack = (uint32_t)board_stack_used();
    board_write(board_open("stack.bin", 1), &stack, sizeof stack);
    return 0;
}
