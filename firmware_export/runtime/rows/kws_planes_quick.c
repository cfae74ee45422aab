/* One row of planes of signs against eight pixels, in assembly. */
#include "kws_planes.h"

#if KWS_THUMB2
/* Two pixels apart, times twice the factor (r8), plus twice the bias (r0). */
#define KWS_PUT_PAIR(pair)      \
    "sxth r9, " pair "\n\t"     \
    "sub r10, " pair ", r9\n\t" \
    "asr r10, r10, #16\n\t"     \
    "mla r9, r9, r8, r0\n\t"    \
    "mla r10, r10, r8, r0\n\t" KWS_ROW_PUT("r9") KWS_ROW_PUT("r10")

KWS_NAKED const uint8_t *kws_planes_quick(KWS_ROW_PARAMETERS) {
    __asm__("push {r2, r3, r4-r11, lr}\n\t"
            "ldrd r12, r2, [r2, #20]\n\t" KWS_SUM_PLANES "pop {r2, r3}\n\t"
            "push {r1}\n\t"
            "ldr r8, [r2, #28]\n\t" KWS_ROW_CONSTANTS KWS_PUT_PAIR("r4") KWS_PUT_PAIR("r5") KWS_PUT_PAIR("r6")
                KWS_PUT_PAIR("r7") "pop {r0, r4-r11, pc}");
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
