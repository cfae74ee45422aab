/* The products of two rows of int8 weights and groups of four pixels, in assembly. */
#include "kws_mve_columns.h"
#include "kws_offsets.h"

#if KWS_MVE
KWS_CHECK_OFFSET(kws_mve_rows, rows, 0);
KWS_CHECK_OFFSET(kws_mve_rows, sixteens, 8);
KWS_CHECK_OFFSET(kws_mve_rows, rest, 12);
KWS_CHECK_OFFSET(kws_mve_rows, columns, 16);
KWS_CHECK_OFFSET(kws_mve_rows, end, 20);
KWS_CHECK_OFFSET(kws_mve_rows, sums, 24);

/* Sixteen weights of both rows times four pixels, by `multiply`: loads and multiplications alternate, since the core
 * overlaps them. r1, r3: rows, r5: columns, even registers: sums. */
#define SIXTEEN(multiply)                                                                        \
    "vldrb.8 q0, [r1], #16\n\t"                                                                  \
    "vldrb.8 q2, [r5], #64\n\t" multiply " r0, q0, q2\n\t"                                       \
    "vldrb.8 q1, [r3], #16\n\t" multiply " r8, q1, q2\n\t"                                       \
    "vldrb.8 q3, [r5, #-48]\n\t" multiply " r2, q0, q3\n\t"                                      \
    "vldrb.8 q4, [r5, #-32]\n\t" multiply " r10, q1, q3\n\t"                                     \
    "vldrb.8 q5, [r5, #-16]\n\t" multiply " r4, q0, q4\n\t" multiply " r12, q1, q4\n\t" multiply \
    " r6, q0, q5\n\t" multiply " lr, q1, q5\n\t"

/* The rest of both rows times one pixel, r7 bytes further to the next. */
#define REST(first, second)             \
    "vpst\n\t"                          \
    "vldrbt.u8 q2, [r5]\n\t"            \
    "add r5, r5, r7\n\t"                \
    "vmladava.s8 " first ", q0, q2\n\t" \
    "vmladava.s8 " second ", q1, q2\n\t"

/* r11: the job, r9: sums. q4 and q5 belong to the caller. */
__attribute__((naked, noinline)) void kws_mve_two_rows(const kws_mve_rows *job __attribute__((unused))) {
    __asm__("push {r3-r11, lr}\n\t"
            "vpush {d8-d11}\n\t"
            "mov r11, r0\n\t"
            "ldr r5, [r11, #16]\n\t"
            "ldr r9, [r11, #24]\n"
            "1:\n\t"
            "ldrd r1, r3, [r11]\n\t"
            "ldr r7, [r11, #8]\n\t"
            "cmp r7, #0\n\t"
            "beq.w 4f\n\t" SIXTEEN(
                "vmladav.s8") "subs r7, r7, #1\n\t"
                              "beq 3f\n"
                              "2:\n\t" SIXTEEN("vmladava.s8") "subs r7, r7, #1\n\t"
                                                              "bne 2b\n"
                                                              "3:\n\t"
                                                              "ldr r7, [r11, #12]\n\t"
                                                              "cmp r7, #0\n\t"
                                                              "bne.w 5f\n"
                                                              "6:\n\t"
                                                              "stm r9!, {r0, r2, r4, r6}\n\t"
                                                              "add r7, r9, #48\n\t"
                                                              "stm r7, {r8, r10, r12, lr}\n\t"
                                                              "ldr r7, [r11, #20]\n\t"
                                                              "cmp r5, r7\n\t"
                                                              "bne.w 1b\n\t"
                                                              "vpop {d8-d11}\n\t"
                                                              "pop {r3-r11, pc}\n"
                                                              "4:\n\t" /* less than sixteen weights */
                                                              "movs r0, #0\n\t"
                                                              "movs r2, #0\n\t"
                                                              "movs r4, #0\n\t"
                                                              "movs r6, #0\n\t"
                                                              "mov r8, r0\n\t"
                                                              "mov r10, r0\n\t"
                                                              "mov r12, r0\n\t"
                                                              "mov lr, r0\n\t"
                                                              "ldr r7, [r11, #12]\n"
                                                              "5:\n\t"
                                                              "vctp.8 r7\n\t"
                                                              "vpstt\n\t"
                                                              "vldrbt.u8 q0, [r1]\n\t" /* zeros where there are none */
                                                              "vldrbt.u8 q1, [r3]\n\t" REST("r0", "r8")
                                                                  REST("r2", "r10") REST("r4", "r12")
                                                                      REST("r6", "lr") "b.w 6b");
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
