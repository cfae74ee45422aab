/* Rows of dense weights, two by two, against four pixels. */
#include "kws_dense_pairs.h"
#include "kws_offsets.h"

#if KWS_ROW_PAIRS
KWS_CHECK_OFFSET(kws_pairs, columns, 0);
KWS_CHECK_OFFSET(kws_pairs, weights, 4);
KWS_CHECK_OFFSET(kws_pairs, skip, 8);
KWS_CHECK_OFFSET(kws_pairs, end, 12);
KWS_CHECK_OFFSET(kws_pairs, left_out, 16);
KWS_CHECK_OFFSET(kws_pairs, bytes, 20);
KWS_CHECK_OFFSET(kws_pairs, bias, 24);
KWS_CHECK_OFFSET(kws_pairs, multiplier, 28);
KWS_CHECK_OFFSET(kws_pairs, shift, 32);
KWS_CHECK_OFFSET(kws_pairs, twice, 36);
KWS_CHECK_OFFSET(kws_pairs, output, 40);
KWS_CHECK_OFFSET(kws_pairs, plane, 44);
KWS_CHECK_OFFSET(kws_pairs, channel, 48);
KWS_CHECK_OFFSET(kws_pairs, channels, 52);

/* Two weights of both rows times four pixels: r4-r7 S0, r8-r11 T. Loads are together, since those that follow another
 * take one cycle. Every instruction has four bytes, so that a turn can begin at any step. */
#define STEP(weights, x0, x1, x2, x3)  \
    "ldr.w r2, [r1, #" weights "]\n\t" \
    "ldr.w r3, [r0, #" x0 "]\n\t"      \
    "ldr.w r12, [r0, #" x1 "]\n\t"     \
    "sxtb16 lr, r2\n\t"                \
    "smlad r4, r3, lr, r4\n\t"         \
    "smlad r8, r3, r2, r8\n\t"         \
    "smlad r5, r12, lr, r5\n\t"        \
    "smlad r9, r12, r2, r9\n\t"        \
    "ldr.w r3, [r0, #" x2 "]\n\t"      \
    "ldr.w r12, [r0, #" x3 "]\n\t"     \
    "smlad r6, r3, lr, r6\n\t"         \
    "smlad r10, r3, r2, r10\n\t"       \
    "smlad r7, r12, lr, r7\n\t"        \
    "smlad r11, r12, r2, r11\n\t"

/* Pointers and constants of the channel lr: r0 twice the bias, r1 multiplier, r2 rounding constant, r3 shift less
 * the one that saturating does. */
#define CONSTANTS                  \
    "ldr r0, [sp, #24]\n\t"        \
    "ldr r1, [sp, #28]\n\t"        \
    "ldr r2, [sp, #32]\n\t"        \
    "ldr r0, [r0, lr, lsl #2]\n\t" \
    "ldr r1, [r1, lr, lsl #2]\n\t" \
    "ldrsb r3, [r2, lr]\n\t"       \
    "ldr r2, [sp, #36]\n\t"        \
    "mvn r3, r3\n\t"               \
    "lsl r2, r2, r3\n\t"           \
    "lsl r0, r0, #1\n\t"

/* kws_requantize_saturating of twice the sum plus twice the bias, in lr, and store at r12. The rounding constant rides
 * on SMMLAR, and the sign is that of the sum: where that is negative and the product rounds to zero, one less changes
 * nothing, since the shift is at least one. */
#define PUT(x, at)                      \
    "smmlar " x ", lr, r1, r2\n\t"      \
    "add " x ", " x ", lr, asr #31\n\t" \
    "asr " x ", " x ", r3\n\t"          \
    "ssat " x ", #8, " x ", asr #1\n\t" \
    "strb " x ", [r12, #" at "]\n\t"
#define FIRST(x, at) "add lr, r0, " x ", lsl #1\n\t" PUT(x, at)
#define SECOND(x, at) "add lr, r0, " x ", asr #7\n\t" PUT(x, at) /* of 256 * S1 */

/* A copy of the job is at sp: columns 0, weights 4, skip (then the address to begin at) 8, end 12, left_out 16,
 * bytes 20, bias 24, multiplier 28, shift 32, twice 36, output 40, plane 44, channel 48, channels 52. */
__attribute__((naked, noinline)) void kws_dense_pairs(const kws_pairs *job __attribute__((unused))) {
    __asm__("push {r4-r11, lr}\n\t"
            "sub sp, sp, #56\n\t"
            "ldm r0!, {r1-r7}\n\t"
            "ldm r0, {r0, r8-r12, lr}\n\t"
            "stm sp, {r1-r7}\n\t"
            "add r1, sp, #28\n\t"
            "stm r1, {r0, r8-r12, lr}\n\t"
            "mov r2, r3\n\t"
            "adr lr, 2f\n\t"
            "add lr, lr, r2\n\t"
            "str lr, [sp, #8]\n"
            "1:\n\t"
            "ldr r0, [sp, #0]\n\t"
            "ldr r1, [sp, #4]\n\t"
            "ldr lr, [sp, #8]\n\t"
            "movs r4, #0\n\t"
            "movs r5, #0\n\t"
            "movs r6, #0\n\t"
            "movs r7, #0\n\t"
            "mov r8, r4\n\t"
            "mov r9, r4\n\t"
            "mov r10, r4\n\t"
            "mov r11, r4\n\t"
            "mov pc, lr\n\t"
            ".balign 4\n"
            "2:\n\t" STEP("0", "0", "4", "8", "12") STEP("4", "32", "36", "40", "44") STEP("8", "64", "68", "72", "76")
                STEP("12", "96", "100", "104", "108") STEP("16", "128", "132", "136", "140")
                    STEP("20", "160", "164", "168", "172") STEP("24", "192", "196", "200", "204")
                        STEP("28", "224", "228", "232", "236") STEP("32", "256", "260", "264", "268")
                            STEP("36", "288", "292", "296", "300") STEP("40", "320", "324", "328", "332")
                                STEP("44", "352", "356", "360", "364") STEP("48", "384", "388", "392", "396")
                                    STEP("52", "416", "420", "424", "428") STEP("56", "448", "452", "456", "460") STEP(
                                        "60", "480", "484", "488",
                                        "492") "ldr r2, [sp, #12]\n\t"
                                               "add.w r1, r1, #64\n\t"
                                               "add.w r0, r0, #512\n\t"
                                               "cmp r1, r2\n\t"
                                               "bne.w 2b\n\t"
                                               "ldr r2, [sp, #16]\n\t"
                                               "ldr r3, [sp, #20]\n\t"
                                               "ldr r12, [sp, #40]\n\t"
                                               "ldr lr, [sp, #48]\n\t"
                                               "sub r8, r8, r4\n\t" /* 256 * S1 */
                                               "sub r9, r9, r5\n\t"
                                               "sub r10, r10, r6\n\t"
                                               "sub r11, r11, r7\n\t"
                                               "subs r2, r1, r2\n\t"
                                               "adds r3, r1, r3\n\t"
                                               "str r2, [sp, #4]\n\t"
                                               "str r3, [sp, #12]\n\t" CONSTANTS FIRST("r4", "0") FIRST("r5", "1")
                                                   FIRST("r6", "2") FIRST(
                                                       "r7", "3") "ldr lr, [sp, #48]\n\t"
                                                                  "ldr r4, [sp, #52]\n\t"
                                                                  "ldr r5, [sp, #44]\n\t"
                                                                  "add lr, lr, #1\n\t"
                                                                  "cmp lr, r4\n\t"
                                                                  "beq.w 3f\n\t" /* a last row without another */
                                                                  "add r12, r12, r5\n\t"
                                                                  "add r6, lr, #1\n\t"
                                                                  "str r6, [sp, #48]\n\t" CONSTANTS SECOND("r8", "0")
                                                                      SECOND("r9", "1") SECOND("r10", "2")
                                                                          SECOND("r11", "3") "add r12, r12, r5\n\t"
                                                                                             "str r12, [sp, #40]\n\t"
                                                                                             "cmp r6, r4\n\t"
                                                                                             "bne.w 1b\n"
                                                                                             "3:\n\t"
                                                                                             "add sp, sp, #56\n\t"
                                                                                             "pop {r4-r11, pc}");
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
