/* Sparse convolution, four pixels at once. */
#include "kws_narrow.h"

#if KWS_ROW_PAIRS
__attribute__((naked, noinline)) static void kws_four(KWS_NARROW_PARAMETER) {
    KWS_NARROW_ROWS("mov r2, #0x400000\n\t"
                    "mov r3, #0x2000\n\t"
                    "mov r4, r2\n\t"
                    "mov r5, r3\n",
                    "ldrd r8, r9, [r0]\n\t"
                    "smlal r2, r3, r8, r12\n\t"
                    "smlal r4, r5, r9, r12\n\t",
                    "", KWS_NARROW_PAIR("r2", "r3", "0", "1") KWS_NARROW_PAIR("r4", "r5", "2", "3"));
}
#endif

/* Weights as kws_narrow.h says, or as kws_conv_delta has them on other cores. */
kws_status kws_conv_narrow_4(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
#if KWS_ROW_PAIRS
    return kws_narrow_blocks(layer, input, output, scratch, 4, kws_four);
#else
    return kws_conv_delta(layer, input, output, scratch);
#endif
}
