/* Convolution with weights that are not zero and the distances between them, a byte each. */
#include "kws_conv_holds.h"
#include "kws_mve_sparse.h"
#include "kws_rows.h"

/* Delta index: a row is 32-bit words of two weights, {16 * d0, w0, 16 * d1, w1} from the lowest byte on. d0 is how far
 * w0 is behind the place before it (the row begins at 0), at most 15, and d1 the same for w1: 16 * d is how many
 * bytes the columns move on. Longer gaps are bridged by weights that are zero. The lowest bit of a row's first word is
 * set, and that of a word behind the last row: so the word that has been read ahead ends a row. */

#if KWS_MVE
KWS_MVE_ROWS static void kws_mve_delta_rows(KWS_MVE_JOB) {
    KWS_MVE_EVERY_ROW("ldr r3, [r1], #4\n\t"
                      "subs r0, r0, #1\n"
                      "1:\n\t"
                      "uxtab r0, r0, r3\n\t"
                      "sbfx r2, r3, #8, #8\n\t" KWS_MVE_MAC "uxtab r0, r0, r3, ror #16\n\t"
                      "asr r2, r3, #24\n\t" KWS_MVE_MAC "ldr r3, [r1], #4\n\t"
                      "tst r3, #1\n\t"
                      "beq 1b\n\t"
                      "subs r1, r1, #4\n\t");
}

kws_status kws_conv_delta(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
    return kws_mve_conv_sparse(layer, input, output, scratch, kws_mve_delta_rows);
}
#else
#if KWS_THUMB2
#if KWS_DSP
#define KWS_DELTA_FIRST "uxtab r0, r0, r3\n\t"
#define KWS_DELTA_SECOND "uxtab r0, r0, r3, ror #16\n\t"
#else
#define KWS_DELTA_FIRST "uxtb r2, r3\n\tadd r0, r0, r2\n\t"
#define KWS_DELTA_SECOND "ubfx r2, r3, #16, #8\n\tadd r0, r0, r2\n\t"
#endif
/* The two weights of the word r3, and the next word into it. */
#define KWS_DELTA_TWO                                                                     \
    KWS_DELTA_FIRST                                                                       \
    "sbfx r12, r3, #8, #8\n\t" KWS_ROWS_MAC("r0", "r12", "r2", "lr", "") KWS_DELTA_SECOND \
        "asr r12, r3, #24\n\t" KWS_ROWS_MAC("r0", "r12", "r2", "lr", "ldr r3, [r1, #4]!\n\t")

KWS_NAKED static const uint8_t *kws_delta_rows(KWS_ROWS_PARAMETERS) {
    KWS_ROWS_AROUND("ldr r3, [r1]\n\t" KWS_ROWS_BEGIN_LANES, /* beside another load */
                    "1:\n\t" KWS_DELTA_TWO "tst r3, #1\n\t"
                    "bne 2f\n\t" KWS_DELTA_TWO "tst r3, #1\n\t"
                    "beq 1b\n"
                    "2:\n\t",
                    KWS_ROWS_EXCESS, KWS_ROWS_FIRST, KWS_ROWS_SECOND);
}
#else
static void kws_delta_row(const kws_conv *layer, uint32_t channel, const kws_lane *row, const uint32_t **code,
                          int8_t *output, uint32_t count) {
    kws_sums sums = {0, 0, 0, 0, 0, 0, 0, 0};
    uint32_t two = **code;
    do {
        row += ((two >> 4) & 15u) * KWS_LANES;
        kws_accumulate(&sums, row, (int8_t)(two >> 8));
        row += ((two >> 20) & 15u) * KWS_LANES;
        kws_accumulate(&sums, row, (int8_t)(two >> 24));
        two = *++*code;
    } while (two % 2u == 0);
    kws_store(&layer->output, channel, &sums, output, count);
}
#endif

/* For saturating outputs; `weights` are aligned to four bytes. */
kws_status kws_conv_delta(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
    if (!KWS_CONV_HOLDS(layer, input, output, scratch) || !layer->output.saturating) {
        return KWS_ERROR_ARGUMENT;
    }
    const kws_lane *columns = (const kws_lane *)scratch;
    const uint32_t plane = layer->window.out_plane;
    for (uint32_t pixel = 0; pixel < plane; pixel += KWS_BLOCK) {
        const uint32_t count = kws_block_count(plane, pixel);
        layer->im2col(layer, input, pixel, scratch);
#if KWS_THUMB2
        /* a byte before the columns: the lowest bit of a row's first word is added to the address, too */
        const kws_lane *before = (const kws_lane *)(const void *)((const uint8_t *)columns - 1);
        kws_rows_block(kws_delta_rows, layer, before, output + pixel, count);
#else
        const uint32_t *code = (const uint32_t *)(const void *)layer->weights;
        for (uint32_t channel = 0; channel < layer->channels; channel++) {
            kws_delta_row(layer, channel, columns, &code, output + pixel + channel * plane, count);
        }
#endif
    }
    return KWS_OK;
}
#endif
