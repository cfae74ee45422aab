/* Runs the model on every input of in.bin, writes every output to out.bin and the stack's high-water mark to
 * stack.bin. Exit code 0, or 2 where a file or the engine fails. */
#include "board.h"
#include "model.h"

static _Alignas(4) int8_t arena[MODEL_ARENA_BYTES];
static model spotter;

int main(void) {
    const int in = board_open("in.bin", 0);
    const int out = board_open("out.bin", 1);
    if (in < 0 || out < 0 || model_init(&spotter, arena, sizeof arena) != KWS_OK) {
        return 2;
    }
    while (board_read(in, model_input(&spotter), MODEL_INPUT_BYTES) == MODEL_INPUT_BYTES) {
        if (model_invoke(&spotter) != KWS_OK) {
            return 2;
        }
        board_write(out, model_output(&spotter), MODEL_OUTPUT_BYTES);
    }
    const uint32_t stack = (uint32_t)board_stack_used();
    board_write(board_open("stack.bin", 1), &stack, sizeof stack);
    return 0;
}
