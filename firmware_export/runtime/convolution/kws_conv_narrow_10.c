/* Sparse convolution, ten pixels at once: two rows of a step with five frequencies. */
#include "kws_narrow.h"

#if KWS_ROW_PAIRS
#define LANE(low, high, at)     \
    "ldr lr, [r0, #" at "]\n\t" \
    "smlal " low ", " high ", lr, r12\n\t"

__attribute__((naked, noinline)) static void kws_ten(KWS_NARROW_PARAMETER) {
    KWS_NARROW_ROWS("mov r2, #0x400000\n\t"
                    "mov r3, #0x2000\n\t"
                    "mov r4, r2\n\t"
                    "mov r5, r3\n\t"
                    "mov r6, r2\n\t"
                    "mov r7, r3\n\t"
                    "mov r8, r2\n\t"
                    "mov r9, r3\n\t"
                    "mov r10, r2\n\t"
                    "mov r11, r3\n",
                    LANE("r2", "r3", "0") LANE("r4", "r5", "4") LANE("r6", "r7", "8") LANE("r8", "r9", "12")
                        LANE("r10", "r11", "16"),
                    "strd r10, r11, [sp, #40]\n\t",
                    KWS_NARROW_PAIR("r2", "r3", "0", "1") KWS_NARROW_PAIR("r4", "r5", "2", "3")
                        KWS_NARROW_PAIR("r6", "r7", "4", "5") KWS_NARROW_PAIR(
                            "r8", "r9", "6", "7") "ldrd r2, r3, [sp, #40]\n\t" KWS_NARROW_PAIR("r2", "r3", "8", "9"));
}
#endif

/* Weights as kws_narrow.h says, or as kws_conv_delta has them on other cores. */
kws_status kws_conv_narrow_10(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
#if KWS_ROW_PAIRS
    return kws_narrow_blocks(layer, input, output, scratch, 10, kws_ten);
#else
    return kws_conv_delta(layer, input, output, scratch);
#endif
}
