/* Matrix times vector with dense int8 weights, two rows of them in each other. */
#include "kws_fc_holds.h"
#include "kws_offsets.h"
#include "kws_requantize.h"

#if KWS_ROW_PAIRS
/* What the assembly works with, and writes: where it is in the rows. */
typedef struct {
    const int32_t *bias;       /* 0 */
    const int32_t *multiplier; /* 4 */
    const int8_t *shift;       /* 8 */
    int8_t *output;            /* 12 */
    int32_t twice;             /* 16: 2 * zero point + 1 */
    uint32_t rows;             /* 20: how many are left */
    const int8_t *vector;      /* 24 */
    const int8_t *end;         /* 28: of the vector */
    uint32_t skip;             /* 32: bytes of code that the first turn leaves out */
} kws_matrix;
KWS_CHECK_OFFSET(kws_matrix, bias, 0);
KWS_CHECK_OFFSET(kws_matrix, multiplier, 4);
KWS_CHECK_OFFSET(kws_matrix, shift, 8);
KWS_CHECK_OFFSET(kws_matrix, output, 12);
KWS_CHECK_OFFSET(kws_matrix, twice, 16);
KWS_CHECK_OFFSET(kws_matrix, rows, 20);
KWS_CHECK_OFFSET(kws_matrix, vector, 24);
KWS_CHECK_OFFSET(kws_matrix, end, 28);
KWS_CHECK_OFFSET(kws_matrix, skip, 32);

#define KWS_FC_STEPS 2      /* of a turn of the loop, each of four inputs */
#define KWS_FC_STEP_CODE 64 /* bytes of one of them */

/* Sums as in kws_dense_pairs.h: S0 and S0 + 256 * S1 of the first two rows in r4 and r5, of the next two in r6 and r7.
 * Sixteen products; inputs 0 and 2 are in r2, 1 and 3 in r3. Every instruction has four bytes. */
#define KWS_FC_TWO_INPUTS(inputs, first, second) \
    "smlad r5, " inputs ", " first ", r5\n\t"    \
    "sxtb16 " first ", " first "\n\t"            \
    "smlad r7, " inputs ", " second ", r7\n\t"   \
    "sxtb16 " second ", " second "\n\t"          \
    "smlad r4, " inputs ", " first ", r4\n\t"    \
    "smlad r6, " inputs ", " second ", r6\n\t"
#define KWS_FC_STEP             \
    "ldr.w r2, [r1], #4\n\t"    \
    "ldm.w r0!, {r8-r11}\n\t"   \
    "sxtb16 r3, r2, ror #8\n\t" \
    "sxtb16 r2, r2\n\t" KWS_FC_TWO_INPUTS("r2", "r8", "r10") KWS_FC_TWO_INPUTS("r3", "r9", "r11")

/* The next row's output, of `x` as kws_requantize_saturating has it; `twice` shifts x to twice the sum. r2, r3, r8 and
 * r9 walk the constants and the outputs, r10 is twice the zero point and one, r11 the rows left. */
#define KWS_FC_PUT(x, twice)              \
    "ldr r1, [r2], #4\n\t"                \
    "ldrsb r12, [r8], #1\n\t"             \
    "lsls r1, r1, #1\n\t"                 \
    "add " x ", r1, " x ", " twice "\n\t" \
    "ldr r1, [r3], #4\n\t"                \
    "mvn r12, r12\n\t"                    \
    "lsl lr, r10, r12\n\t"                \
    "smmlar r1, " x ", r1, lr\n\t"        \
    "add r1, r1, " x ", asr #31\n\t"      \
    "asr r1, r1, r12\n\t"                 \
    "ssat r1, #8, r1, asr #1\n\t"         \
    "strb r1, [r9], #1\n\t"               \
    "subs r11, r11, #1\n\t"

__attribute__((naked, noinline)) static void kws_four_rows(kws_matrix *job __attribute__((unused)),
                                                           const uint8_t *weights __attribute__((unused))) {
    __asm__(".syntax unified\n\t"
            "push {r0, r4-r11, lr}\n\t"
            "mov lr, r0\n\t"
            "mov r0, r1\n"
            "1:\n\t"
            "ldr r1, [lr, #24]\n\t"
            "ldr r12, [lr, #28]\n\t"
            "ldr r3, [lr, #32]\n\t"
            "adr r2, 2f\n\t"
            "movs r4, #0\n\t"
            "movs r5, #0\n\t"
            "movs r6, #0\n\t"
            "movs r7, #0\n\t"
            "add r2, r2, r3\n\t"
            "mov pc, r2\n\t"
            ".balign 4\n"
            "2:\n\t" KWS_FC_STEP KWS_FC_STEP "cmp r1, r12\n\t"
            "bne.w 2b\n\t"
            "ldr lr, [sp]\n\t"
            "ldm lr, {r2, r3, r8-r11}\n"
            "3:\n\t" /* twice, with bit 0 of r0 set in between */
            "sub r5, r5, r4\n\t" KWS_FC_PUT("r4", "lsl #1") "beq 4f\n\t" KWS_FC_PUT(
                "r5", "asr #7") "beq 4f\n\t"
                                "mov r4, r6\n\t"
                                "mov r5, r7\n\t"
                                "eor r0, r0, #1\n\t"
                                "tst r0, #1\n\t"
                                "bne 3b\n\t"
                                "ldr lr, [sp]\n\t"
                                "stm lr, {r2, r3, r8-r11}\n\t"
                                "b 1b\n"
                                "4:\n\t"
                                "pop {r0, r4-r11, pc}");
}
#endif

/* Rows of a multiple of four weights whose requantisation saturates. With SMLAD four rows lie together, as
 * encodings/row_pairs.py says, with rows of zeros behind the last; elsewhere as in kws_fc_dense. */
kws_status kws_fc_dense_pairs(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
#if KWS_ROW_PAIRS
    if (!KWS_FC_HOLDS(layer, input, output) || !layer->output.saturating || layer->depth % 4u != 0) {
        return KWS_ERROR_ARGUMENT;
    }
    (void)scratch;
    kws_matrix job;
    job.bias = layer->output.bias;
    job.multiplier = layer->output.multiplier;
    job.shift = layer->output.shift;
    job.output = output;
    job.twice = 2 * layer->output.zero_point + 1;
    job.rows = layer->channels;
    job.vector = input;
    job.end = input + layer->depth;
    job.skip = (0u - layer->depth / 4u) % KWS_FC_STEPS * KWS_FC_STEP_CODE;
    kws_four_rows(&job, layer->weights);
    return KWS_OK;
#else
    return kws_fc_dense(layer, input, output, scratch);
#endif
}
