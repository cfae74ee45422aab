#include "kws_planes.h"

#if KWS_THUMB2
/* r4-r7: sums; r8-r11: the entry at r3. */
#define KWS_ADD_ENTRY      \
    "ldm r3, {r8-r11}\n\t" \
    "add r4, r4, r8\n\t"   \
    "add r5, r5, r9\n\t"   \
    "add r6, r6, r10\n\t"  \
    "add r7, r7, r11\n\t"

/* Two pixels apart, times twice the factor (r8), plus twice the bias (r0). */
#define KWS_PUT_PAIR(pair)      \
    "sxth r9, " pair "\n\t"     \
    "sub r10, " pair ", r9\n\t" \
    "asr r10, r10, #16\n\t"     \
    "mla r9, r9, r8, r0\n\t"    \
    "mla r10, r10, r8, r0\n\t" KWS_ROW_PUT("r9") KWS_ROW_PUT("r10")

/* The sums of r2 planes of r12 bytes at r1, the highest first, into r4-r7; r0 stays. */
#define KWS_SUM_PLANES                                                 \
    "movs r4, #0\n\t"                                                  \
    "movs r5, #0\n\t"                                                  \
    "movs r6, #0\n\t"                                                  \
    "movs r7, #0\n"                                                    \
    "1:\n\t"                                                           \
    "add lr, r1, r12\n\t"                                              \
    "lsl r4, r4, #1\n\t"                                               \
    "lsl r5, r5, #1\n\t"                                               \
    "lsl r6, r6, #1\n\t"                                               \
    "lsl r7, r7, #1\n\t"                                               \
    "push {r0, r12}\n"                                                 \
    "2:\n\t"                                                           \
    "ldrb r12, [r1], #1\n\t"                                           \
    "and r3, r12, #15\n\t"                                             \
    "add r3, r0, r3, lsl #4\n\t" KWS_ADD_ENTRY "lsr r12, r12, #4\n\t"  \
    "add r0, r0, #256\n\t"                                             \
    "add r3, r0, r12, lsl #4\n\t" KWS_ADD_ENTRY "add r0, r0, #256\n\t" \
    "cmp r1, lr\n\t"                                                   \
    "bne 2b\n\t"                                                       \
    "pop {r0, r12}\n\t"                                                \
    "subs r2, r2, #1\n\t"                                              \
    "bne 1b\n\t"

KWS_NAKED const uint8_t *kws_planes_quick(KWS_ROW_PARAMETERS) {
    __asm__("push {r2, r3, r4-r11, lr}\n\t"
            "ldrd r12, r2, [r2, #20]\n\t" KWS_SUM_PLANES "pop {r2, r3}\n\t"
            "push {r1}\n\t"
            "ldr r8, [r2, #28]\n\t" KWS_ROW_CONSTANTS KWS_PUT_PAIR("r4") KWS_PUT_PAIR("r5") KWS_PUT_PAIR("r6")
                KWS_PUT_PAIR("r7") "pop {r0, r4-r11, pc}");
}

KWS_NAKED const uint8_t *kws_planes_sum(const uint32_t *tables __attribute__((unused)),
                                        const uint8_t *code __attribute__((unused)),
                                        const uint32_t size[2] __attribute__((unused)),
                                        uint32_t sums[KWS_PAIRS] __attribute__((unused))) {
    __asm__("push {r3, r4-r11, lr}\n\t"
            "ldrd r12, r2, [r2]\n\t" KWS_SUM_PLANES "pop {r3}\n\t"
            "stm r3, {r4-r7}\n\t"
            "mov r0, r1\n\t"
            "pop {r4-r11, pc}");
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
