/* Convolution with weights that are not zero and the distances between them. */
#include "kws_conv_rows.h"
#include "kws_mve_sparse.h"

/* 4-bit delta index: a row is groups of two weights, {steps, w0, w1}, ended by a zero byte. The lower half of
 * `steps` is how far w0 is behind the place before it (the row begins at 0), the upper half the same for w1. Longer
 * gaps are bridged by weights that are zero. */

#if KWS_MVE
KWS_MVE_ROWS static void kws_mve_delta4_rows(KWS_MVE_JOB) {
    KWS_MVE_EVERY_ROW("ldrb r3, [r1], #1\n\t"
                      "cmp r3, #0\n\t"
                      "beq 2f\n"
                      "1:\n\t"
                      "and r12, r3, #15\n\t"
                      "add r0, r0, r12, lsl #4\n\t"
                      "ldrsb r2, [r1], #1\n\t" KWS_MVE_MAC "bic r3, r3, #15\n\t"
                      "add r0, r0, r3\n\t"
                      "ldrsb r2, [r1], #1\n\t" KWS_MVE_MAC "ldrb r3, [r1], #1\n\t"
                      "cmp r3, #0\n\t"
                      "bne 1b\n"
                      "2:\n\t");
}

kws_status kws_conv_delta4(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
    return kws_mve_conv_sparse(layer, input, output, scratch, kws_mve_delta4_rows);
}
#else
#if KWS_THUMB2
/* The two weights behind the steps lr, and the next steps into it. */
#define KWS_DELTA4_TWO                                                                                      \
    "and r12, lr, #15\n\t"                                                                                  \
    "add r0, r0, r12, lsl #4\n\t"                                                                           \
    "ldrsb r12, [r1]\n\t" KWS_ROWS_MAC("r0", "r12", "r2", "r3", "") "bic lr, lr, #15\n\t"                   \
                                                                    "add r0, r0, lr\n\t"                    \
                                                                    "ldrsb r12, [r1, #1]\n\t" KWS_ROWS_MAC( \
                                                                        "r0", "r12", "r2", "r3",            \
                                                                        "ldrb lr, [r1, #2]\n\t") "add r1, r1, #3\n\t"

KWS_NAKED static const uint8_t *kws_delta4_rows(KWS_ROWS_PARAMETERS) {
    KWS_ROWS("ldrb lr, [r1], #1\n\t"
             "cmp lr, #0\n\t"
             "beq 2f\n"
             "1:\n\t" KWS_DELTA4_TWO "cmp lr, #0\n\t"
             "bne 1b\n"
             "2:\n\t");
}
#endif

static const uint8_t *kws_delta4_sums(kws_sums *sums, const kws_lane *row, const uint8_t *code, const kws_conv *layer) {
    (void)layer;
    uint32_t steps = *code++;
    while (steps != 0) {
        row += (steps & 15u) * KWS_LANES;
        kws_accumulate(sums, row, (int8_t)code[0]);
        row += (steps >> 4) * KWS_LANES;
        kws_accumulate(sums, row, (int8_t)code[1]);
        steps = code[2];
        code += 3;
    }
    return code;
}

kws_status kws_conv_delta4(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
    return kws_conv_rows(layer, input, output, scratch, kws_delta4_sums, KWS_ASSEMBLY(kws_delta4_rows));
}
#endif
