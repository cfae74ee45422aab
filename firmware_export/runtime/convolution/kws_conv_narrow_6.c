/* Sparse convolution, six pixels at once: one row of a step with five frequencies. */
#include "kws_narrow.h"

#if KWS_ROW_PAIRS
__attribute__((naked, noinline)) static void kws_six(KWS_NARROW_PARAMETER) {
    KWS_NARROW_ROWS("mov r2, #0x400000\n\t"
                    "mov r3, #0x2000\n\t"
                    "mov r4, r2\n\t"
                    "mov r5, r3\n\t"
                    "mov r6, r2\n\t"
                    "mov r7, r3\n",
                    "ldm r0, {r8, r9, r10}\n\t"
                    "smlal r2, r3, r8, r12\n\t"
                    "smlal r4, r5, r9, r12\n\t"
                    "smlal r6, r7, r10, r12\n\t",
                    "",
                    KWS_NARROW_PAIR("r2", "r3", "0", "1") KWS_NARROW_PAIR("r4", "r5", "2", "3")
                        KWS_NARROW_PAIR("r6", "r7", "4", "5"));
}
#endif

/* Weights as kws_narrow.h says, or as kws_conv_delta has them on other cores. */
kws_status kws_conv_narrow_6(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
#if KWS_ROW_PAIRS
    return kws_narrow_blocks(layer, input, output, scratch, 6, kws_six);
#else
    return kws_conv_delta(layer, input, output, scratch);
#endif
}
