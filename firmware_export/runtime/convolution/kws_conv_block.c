/* Convolution with weights in blocks of four neighbours, of which zero blocks are left out. */
#include "kws_conv_rows.h"
#include "kws_mve_sparse.h"

/* Blocks of four neighbouring weights: a row is its number of blocks that are not all zero, then {number of the block,
 * w0, w1, w2, w3} for each. Rows of at most 1020 weights, a multiple of four. */

#if KWS_MVE
#define KWS_MVE_BLOCK_STEP "ldrsb r2, [r1], #1\n\t" KWS_MVE_MAC_NEXT

KWS_MVE_ROWS static void kws_mve_block_rows(KWS_MVE_JOB) {
    KWS_MVE_EVERY_ROW(
        "ldrb lr, [r1], #1\n\t" /* blocks */
        "wls lr, lr, 2f\n"
        "1:\n\t"
        "ldrb r3, [r1], #1\n\t"
        "add r0, r4, r3, lsl #6\n\t" KWS_MVE_BLOCK_STEP KWS_MVE_BLOCK_STEP KWS_MVE_BLOCK_STEP KWS_MVE_BLOCK_STEP
        "le lr, 1b\n"
        "2:\n\t");
}

kws_status kws_conv_block(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
    return kws_mve_conv_sparse(layer, input, output, scratch, kws_mve_block_rows);
}
#else
#if KWS_THUMB2
#define KWS_BLOCK_STEP(at) \
    "ldrsb r12, [r1, #" at "]\n\t" KWS_ROWS_MAC("r0", "r12", "r2", "r3", "") "add r0, r0, #16\n\t"

KWS_NAKED static const uint8_t *kws_block_rows(KWS_ROWS_PARAMETERS) {
    KWS_ROWS("ldrb lr, [r1], #1\n\t" /* blocks */
             "cmp lr, #0\n\t"
             "beq 2f\n"
             "1:\n\t"
             "ldrb r12, [r1]\n\t"
             "ldr r0, [sp]\n\t"
             "add r0, r0, r12, lsl #6\n\t" KWS_BLOCK_STEP("1") KWS_BLOCK_STEP("2") KWS_BLOCK_STEP("3")
                 KWS_BLOCK_STEP("4") "add r1, r1, #5\n\t"
                                     "subs lr, lr, #1\n\t"
                                     "bne 1b\n"
                                     "2:\n\t");
}
#endif

static const uint8_t *kws_block_sums(kws_sums *sums, const kws_lane *columns, const uint8_t *code,
                                     const kws_conv *layer) {
    (void)layer;
    for (uint32_t left = *code++; left > 0; left--) {
        const kws_lane *row = columns + (uint32_t)code[0] * 4 * KWS_LANES;
        kws_accumulate(sums, row, (int8_t)code[1]);
        kws_accumulate(sums, row + KWS_LANES, (int8_t)code[2]);
        kws_accumulate(sums, row + 2 * KWS_LANES, (int8_t)code[3]);
        kws_accumulate(sums, row + 3 * KWS_LANES, (int8_t)code[4]);
        code += 5;
    }
    return code;
}

kws_status kws_conv_block(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
    return kws_conv_rows(layer, input, output, scratch, kws_block_sums, KWS_ASSEMBLY(kws_block_rows));
}
#endif
