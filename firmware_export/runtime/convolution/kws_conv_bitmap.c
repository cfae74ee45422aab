/* Convolution with weights as a bitmap of those that are not zero, and their values. */
#include "kws_bitmap.h"
#include "kws_conv_rows.h"
#include "kws_mve_sparse.h"

/* Bitmap: each 32 weights of a row are four bytes, first weight in the most significant bit (1: not zero), big-endian,
 * followed by the weights that are not zero. */

#if KWS_MVE
KWS_MVE_ROWS static void kws_mve_bitmap_rows(KWS_MVE_JOB) {
    KWS_MVE_EVERY_ROW("mov r3, r4\n" /* columns of this map */
                      "1:\n\t"
                      "ldr lr, [r1], #4\n\t"
                      "rev lr, lr\n\t"
                      "cmp lr, #0\n\t"
                      "beq 3f\n"
                      "2:\n\t"
                      "clz r12, lr\n\t"
                      "add r0, r0, r12, lsl #4\n\t"
                      "lsl lr, lr, r12\n\t"
                      "ldrsb r2, [r1], #1\n\t"
                      "lsls lr, lr, #1\n\t" KWS_MVE_MAC_NEXT "bne 2b\n"
                      "3:\n\t"
                      "ldr r12, [sp, #64]\n\t"
                      "ldr r12, [r12, #48]\n\t" /* the end of all columns */
                      "add r3, r3, #512\n\t"
                      "mov r0, r3\n\t"
                      "cmp r3, r12\n\t"
                      "blo 1b\n\t");
}

kws_status kws_conv_bitmap(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
    return kws_mve_conv_sparse(layer, input, output, scratch, kws_mve_bitmap_rows);
}
#else
#if KWS_THUMB2
KWS_NAKED static const uint8_t *kws_bitmap_rows(KWS_ROWS_PARAMETERS) {
    KWS_ROWS("1:\n\t"
             "str r0, [sp, #44]\n\t" /* this map's columns */
             "ldr lr, [r1], #4\n\t"
             "rev lr, lr\n\t"
             "cmp lr, #0\n\t"
             "beq 3f\n"
             "2:\n\t"
             "clz r12, lr\n\t"
             "lsl lr, lr, r12\n\t"
             "add r0, r0, r12, lsl #4\n\t"
             "ldrsb r12, [r1], #1\n\t" KWS_ROWS_MAC("r0", "r12", "r2", "r3",
                                                    "") "add r0, r0, #16\n\t"
                                                        "lsls lr, lr, #1\n\t"
                                                        "bne 2b\n"
                                                        "3:\n\t"
                                                        "ldr r0, [sp, #44]\n\t"
                                                        "ldr r12, [sp, #40]\n\t" /* bytes of all columns */
                                                        "ldr lr, [sp]\n\t"
                                                        "add r0, r0, #512\n\t"
                                                        "add r12, r12, lr\n\t"
                                                        "cmp r0, r12\n\t"
                                                        "blo 1b\n\t");
}
#endif

static const uint8_t *kws_bitmap_sums(kws_sums *sums, const kws_lane *word, const uint8_t *code,
                                      const kws_conv *layer) {
    uint32_t depth = layer->depth;
    for (uint32_t done = 0; done < depth; done += 32) {
        uint32_t map = kws_read_map(&code);
        const kws_lane *row = word;
        while (map != 0) {
            const uint32_t gap = kws_leading_zeros(map);
            row += gap * KWS_LANES;
            map <<= gap;
            map <<= 1;
            kws_accumulate(sums, row, (int8_t)*code++);
            row += KWS_LANES;
        }
        word += 32 * KWS_LANES;
    }
    return code;
}

kws_status kws_conv_bitmap(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
    return kws_conv_rows(layer, input, output, scratch, kws_bitmap_sums, KWS_ASSEMBLY(kws_bitmap_rows));
}
#endif
