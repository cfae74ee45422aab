/* Rows of dense weights against eight pixels by 32-bit multiplications, for cores whose long ones are slow. */
#include "kws_halves.h"

#if KWS_HALVES
/* Two weights r12 and lr of one row times the words r2 and r3 of two pixels each. Both products of a pixel fit 16 bits
 * together, so one word holds those of both pixels: MUL and MLA for four products, then it is taken apart. */
#define TWO_PIXELS(first, second)      \
    "mul r2, r2, r12\n\t"              \
    "mla r2, r3, lr, r2\n\t"           \
    "sxth r3, r2\n\t"                  \
    "add " first ", " first ", r3\n\t" \
    "sub r2, r2, r3\n\t"               \
    "add " second ", " second ", r2, asr #16\n\t"
#define WORDS(a, b)            \
    "ldr r2, [r0, #" a "]\n\t" \
    "ldr r3, [r0, #" b "]\n\t"
#define TWO_WEIGHTS(w0, w1, a0, b0, a1, b1, a2, b2, a3, b3)                                                 \
    "ldrsb r12, [r1, #" w0 "]\n\t"                                                                          \
    "ldrsb lr, [r1, #" w1 "]\n\t" WORDS(a0, b0) TWO_PIXELS("r4", "r5") WORDS(a1, b1) TWO_PIXELS("r6", "r7") \
        WORDS(a2, b2) TWO_PIXELS("r8", "r9") WORDS(a3, b3) TWO_PIXELS("r10", "r11")
/* The last of an odd number of weights. */
#define LAST(at, first, second)        \
    "ldr r2, [r0, #" at "]\n\t"        \
    "mul r2, r2, r12\n\t"              \
    "sxth r3, r2\n\t"                  \
    "add " first ", " first ", r3\n\t" \
    "sub r2, r2, r3\n\t"               \
    "add " second ", " second ", r2, asr #16\n\t"
#define BEGIN         \
    "mov r4, #0\n\t"  \
    "mov r5, #0\n\t"  \
    "mov r6, #0\n\t"  \
    "mov r7, #0\n\t"  \
    "mov r8, #0\n\t"  \
    "mov r9, #0\n\t"  \
    "mov r10, #0\n\t" \
    "mov r11, #0\n\t"
#define PUT(x, at) "add " x ", r0, " x ", lsl #1\n\t" KWS_ROWS_PUT(x, at)
#define FIRST PUT("r4", "0") PUT("r5", "1") PUT("r6", "2") PUT("r7", "3")
#define SECOND PUT("r8", "4") PUT("r9", "5") PUT("r10", "6") PUT("r11", "7")

/* r0 walks the columns, to the job's `spare`; a turn is four weights, of which the first may leave out two. */
KWS_NAKED const uint8_t *kws_halves_rows(KWS_ROWS_PARAMETERS) {
    KWS_ROWS_AROUND(BEGIN,
                    "ldr r2, [sp, #40]\n\t" /* bytes of all columns */
                    "bic r3, r2, #31\n\t"
                    "add r3, r3, r0\n\t"
                    "str r3, [sp, #44]\n\t"
                    "cmp r0, r3\n\t"
                    "beq 3f\n\t"
                    "tst r2, #32\n\t"
                    "beq 1f\n\t"
                    "sub r0, r0, #32\n\t"
                    "subs r1, r1, #2\n\t"
                    "b 2f\n"
                    "1:\n\t" TWO_WEIGHTS("0", "1", "0", "16", "4", "20", "8", "24", "12", "28") "2:\n\t" TWO_WEIGHTS(
                        "2", "3", "32", "48", "36", "52", "40", "56", "44",
                        "60") "ldr r2, [sp, #44]\n\t"
                              "add r1, r1, #4\n\t"
                              "add r0, r0, #64\n\t"
                              "cmp r0, r2\n\t"
                              "bne.w 1b\n"
                              "3:\n\t"
                              "ldr r2, [sp, #40]\n\t"
                              "tst r2, #16\n\t"
                              "beq 4f\n\t"
                              "ldrsb r12, [r1], #1\n\t" LAST("0", "r4", "r5") LAST("4", "r6", "r7")
                                  LAST("8", "r8", "r9") LAST("12", "r10", "r11") "4:\n\t",
                    "", FIRST, SECOND);
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
