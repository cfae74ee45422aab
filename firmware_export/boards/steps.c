/* Steps the model through the rows of in.bin and writes every decision to out.bin, then resets it and steps through the
 * first rows again, to again.bin; the stack's high-water mark goes to stack.bin. Exit code 0, or 2 where a file or the
 * engine fails. */
#include "board.h"
#include "model.h"

#define AGAIN (MODEL_WARM_UP_STEPS + 8) /* steps after the reset */

static _Alignas(4) int8_t arena[MODEL_ARENA_BYTES];
static int8_t rows[MODEL_STEP_BYTES], scores[MODEL_OUTPUT_BYTES];
static model spotter;

static int play(const char *to, uint32_t most) {
    const int in = board_open("in.bin", 0);
    const int out = board_open(to, 1);
    if (in < 0 || out < 0) {
        return 2;
    }
    while (most > 0 && board_read(in, rows, sizeof rows) == sizeof rows) {
        const kws_status status = model_step(&spotter, rows, scores);
        if (status == KWS_OK) {
            board_write(out, scores, sizeof scores);
        } else if (status != KWS_NOT_READY) {
            return 2;
        }
        most--;
    }
    return 0;
}

int main(void) {
    if (model_init(&spotter, arena, sizeof arena) != KWS_OK || play("out.bin", UINT32_MAX) != 0 ||
        model_reset(&spotter) != KWS_OK || play("again.bin", AGAIN) != 0) {
        return 2;
    }
    const uint32_t stack = (uint32_t)board_stack_used();
    board_write(board_open("stack.bin", 1), &stack, sizeof stack);
    return 0;
}
