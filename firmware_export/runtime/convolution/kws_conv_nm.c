/* Convolution with N weights of each M. */
#include "kws_conv_rows.h"
#include "kws_mve_sparse.h"

/* N:M: of each M = `group` neighbouring weights exactly N = `bits` are stored, zeros among them where fewer are not
 * zero. A row is the pairs {steps, w0, w1} of kws_conv_delta4.c without a byte at its end: every row has as many, the
 * last completed by a zero weight. */

#if KWS_MVE
KWS_MVE_ROWS static void kws_mve_nm_rows(KWS_MVE_JOB) {
    KWS_MVE_EVERY_ROW("ldr r12, [sp, #64]\n\t"
                      "ldr lr, [r12, #52]\n"
                      "1:\n\t"
                      "ldrb r3, [r1], #1\n\t"
                      "and r12, r3, #15\n\t"
                      "add r0, r0, r12, lsl #4\n\t"
                      "ldrsb r2, [r1], #1\n\t" KWS_MVE_MAC "bic r3, r3, #15\n\t"
                      "add r0, r0, r3\n\t"
                      "ldrsb r2, [r1], #1\n\t" KWS_MVE_MAC "le lr, 1b\n\t");
}

kws_status kws_conv_nm(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
    return kws_mve_conv_sparse(layer, input, output, scratch, kws_mve_nm_rows);
}
#else
#if KWS_THUMB2
KWS_NAKED static const uint8_t *kws_nm_rows(KWS_ROWS_PARAMETERS) {
    KWS_ROWS("ldr r12, [sp, #40]\n\t" /* bytes of a row */
             "add r12, r12, r1\n\t"
             "str r12, [sp, #44]\n"
             "1:\n\t"
             "ldrb lr, [r1]\n\t"
             "and r12, lr, #15\n\t"
             "add r0, r0, r12, lsl #4\n\t"
             "ldrsb r12, [r1, #1]\n\t" KWS_ROWS_MAC(
                 "r0", "r12", "r2", "r3", "") "bic lr, lr, #15\n\t"
                                              "add r0, r0, lr\n\t"
                                              "ldrsb r12, [r1, #2]\n\t" KWS_ROWS_MAC(
                                                  "r0", "r12", "r2", "r3", "ldr lr, [sp, #44]\n\t") "add r1, r1, #3\n\t"
                                                                                                    "cmp r1, lr\n\t"
                                                                                                    "bne 1b\n\t");
}
#endif

static const uint8_t *kws_nm_sums(kws_sums *sums, const kws_lane *row, const uint8_t *code, const kws_conv *layer) {
    const uint32_t bytes = kws_pairs_bytes(layer);
    const uint8_t *end = code + bytes;
    while (code != end) {
        row += (code[0] & 15u) * KWS_LANES;
        kws_accumulate(sums, row, (int8_t)code[1]);
        row += (uint32_t)(code[0] >> 4) * KWS_LANES;
        kws_accumulate(sums, row, (int8_t)code[2]);
        code += 3;
    }
    return code;
}

kws_status kws_conv_nm(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
    return kws_conv_rows(layer, input, output, scratch, kws_nm_sums, KWS_ASSEMBLY(kws_nm_rows));
}
#endif
