/* Convolution with weights that are not zero and their positions. */
#include "kws_conv_rows.h"
#include "kws_mve_sparse.h"

/* Index list: a row is its number of non-zero weights, then {place, weight} for each. Rows of at most 256 weights, of
 * which at most 255 are not zero. */

#if KWS_MVE
KWS_MVE_ROWS static void kws_mve_index_rows(KWS_MVE_JOB) {
    KWS_MVE_EVERY_ROW("ldrb lr, [r1], #1\n\t" /* weights */
                      "wls lr, lr, 2f\n"
                      "1:\n\t"
                      "ldrb r3, [r1], #1\n\t"
                      "ldrsb r2, [r1], #1\n\t"
                      "add r0, r4, r3, lsl #4\n\t" KWS_MVE_MAC "le lr, 1b\n"
                      "2:\n\t");
}

kws_status kws_conv_index(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
    return kws_mve_conv_sparse(layer, input, output, scratch, kws_mve_index_rows);
}
#else
#if KWS_THUMB2
KWS_NAKED static const uint8_t *kws_index_rows(KWS_ROWS_PARAMETERS) {
    KWS_ROWS("ldrb lr, [r1], #1\n\t" /* weights */
             "cmp lr, #0\n\t"
             "beq 2f\n"
             "1:\n\t"
             "ldrb r12, [r1]\n\t"
             "ldr r0, [sp]\n\t"
             "add r0, r0, r12, lsl #4\n\t"
             "ldrsb r12, [r1, #1]\n\t" KWS_ROWS_MAC("r0", "r12", "r2", "r3", "") "add r1, r1, #2\n\t"
                                                                                 "subs lr, lr, #1\n\t"
                                                                                 "bne 1b\n"
                                                                                 "2:\n\t");
}
#endif

static const uint8_t *kws_index_sums(kws_sums *sums, const kws_lane *columns, const uint8_t *code,
                                     const kws_conv *layer) {
    (void)layer;
    for (uint32_t left = *code++; left > 0; left--) {
        kws_accumulate(sums, columns + (uint32_t)code[0] * KWS_LANES, (int8_t)code[1]);
        code += 2;
    }
    return code;
}

kws_status kws_conv_index(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
    return kws_conv_rows(layer, input, output, scratch, kws_index_sums, KWS_ASSEMBLY(kws_index_rows));
}
#endif
