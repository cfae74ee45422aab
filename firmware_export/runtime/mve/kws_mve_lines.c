/* Products of sixteen weights with sixteen neighbouring inputs, for lines of outputs, in assembly. */
#include "kws_mve_lines.h"
#include "kws_offsets.h"

#if KWS_MVE
KWS_CHECK_OFFSET(kws_mve_parts, x, 0);
KWS_CHECK_OFFSET(kws_mve_parts, x_step, 4);
KWS_CHECK_OFFSET(kws_mve_parts, parts, 8);
KWS_CHECK_OFFSET(kws_mve_parts, skip, 12);
KWS_CHECK_OFFSET(kws_mve_parts, sums, 16);
KWS_CHECK_OFFSET(kws_mve_parts, sums_step, 20);

/* The last outputs are first, so that a part begins at its own last; eight bytes of code each. */
#define ONE(multiply, register, sum, at) \
    "vldrb.8 " register ", [r1, #" at "]\n\t" multiply " " sum ", q0, " register "\n\t"
#define EIGHT(multiply, a7, a6, a5, a4, a3, a2, a1) \
    ONE(multiply, "q1", "lr", a7)                   \
    ONE(multiply, "q2", "r12", a6)                  \
    ONE(multiply, "q1", "r10", a5)                  \
    ONE(multiply, "q2", "r8", a4)                   \
    ONE(multiply, "q1", "r6", a3)                   \
    ONE(multiply, "q2", "r4", a2) ONE(multiply, "q1", "r2", a1) ONE(multiply, "q2", "r0", "0")

/* r1: inputs, r3: step, r5: parts, r7: where a part begins, r9: sums, r11: step. */
#define PARTS(before, eight)                                                \
    __asm__("push {r3-r11, lr}\n\t"                                         \
            "vldrb.8 q0, [r1]\n\t"                                          \
            "ldm r0, {r1, r3, r5, r7, r9, r11}\n\t"                         \
            "adr r2, 2f\n\t"                                                \
            "add r7, r7, r2\n"                                              \
            "1:\n\t" before "mov pc, r7\n\t"                                \
            ".balign 4\n"                                                   \
            "2:\n\t" eight "stm r9, {r0, r2, r4, r6, r8, r10, r12, lr}\n\t" \
            "add r1, r1, r3\n\t"                                            \
            "add r9, r9, r11\n\t"                                           \
            "subs r5, r5, #1\n\t"                                           \
            "bne 1b\n\t"                                                    \
            "pop {r3-r11, pc}")
#define LOAD "ldm r9, {r0, r2, r4, r6, r8, r10, r12, lr}\n\t"
#define BY_ONE(multiply) EIGHT(multiply, "7", "6", "5", "4", "3", "2", "1")
#define BY_TWO(multiply) EIGHT(multiply, "14", "12", "10", "8", "6", "4", "2")
#define NAKED __attribute__((naked, noinline))
#define PARAMETERS const kws_mve_parts *job __attribute__((unused)), const int8_t *weights __attribute__((unused))

NAKED static void kws_mve_first_by_one(PARAMETERS) {
    PARTS("", BY_ONE("vmladav.s8"));
}

NAKED static void kws_mve_first_by_two(PARAMETERS) {
    PARTS("", BY_TWO("vmladav.s8"));
}

NAKED static void kws_mve_more_by_one(PARAMETERS) {
    PARTS(LOAD, BY_ONE("vmladava.s8"));
}

NAKED static void kws_mve_more_by_two(PARAMETERS) {
    PARTS(LOAD, BY_TWO("vmladava.s8"));
}

void kws_mve_lines(const kws_mve_parts *job, const int8_t *weights, uint32_t stride, int more) {
    if (stride == 1u) {
        (more ? kws_mve_more_by_one : kws_mve_first_by_one)(job, weights);
    } else {
        (more ? kws_mve_more_by_two : kws_mve_first_by_two)(job, weights);
    }
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
