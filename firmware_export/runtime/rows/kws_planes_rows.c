/* Rows of planes of signs against eight pixels, in assembly.
 *
 * A word holds the signs of eight groups of four weights. The tables of a turn lie 256 bytes apart within reach of one
 * address and an offset, so that four weights take two instructions to find an entry, four loads, which are together
 * since those that follow another take one cycle, and four additions of two pixels. A plane whose tables are no
 * multiple of eight begins in the middle of a turn.
 */
#include "kws_offsets.h"
#include "kws_planes.h"

#if KWS_THUMB2
KWS_CHECK_OFFSET(kws_planes_job, tables, 0);
KWS_CHECK_OFFSET(kws_planes_job, code, 4);
KWS_CHECK_OFFSET(kws_planes_job, left_out, 8);
KWS_CHECK_OFFSET(kws_planes_job, skip, 12);
KWS_CHECK_OFFSET(kws_planes_job, bytes, 16);
KWS_CHECK_OFFSET(kws_planes_job, scale, 20);
KWS_CHECK_OFFSET(kws_planes_job, end, 24);
KWS_CHECK_OFFSET(kws_planes_job, output, 28);
KWS_CHECK_OFFSET(kws_planes_job, plane, 32);
KWS_CHECK_OFFSET(kws_planes_job, planes, 36);
KWS_CHECK_OFFSET(kws_planes_job, factor, 40);
KWS_CHECK_OFFSET(kws_planes_job, begin, 44);
KWS_CHECK_OFFSET(kws_planes_scale, shift, 0);
KWS_CHECK_OFFSET(kws_planes_scale, round, 4);
KWS_CHECK_OFFSET(kws_planes_scale, doubled, 8);
KWS_CHECK_OFFSET(kws_planes_scale, multiplier, 12);

/* r4-r7 sums, r8-r11 the entry that is to be added. Every instruction has four bytes, so that a turn can begin at any
 * step's loads. */
#define ADD_ENTRY                                                                                                   \
    KWS_ADD_HALVES "r4, r4, r8\n\t" KWS_ADD_HALVES "r5, r5, r9\n\t" KWS_ADD_HALVES "r6, r6, r10\n\t" KWS_ADD_HALVES \
                   "r7, r7, r11\n\t"
#define FIND_ENTRY(bit)              \
    "ubfx r12, r2, #" bit ", #4\n\t" \
    "add.w r12, r0, r12, lsl #4\n\t"
#define LOAD_ENTRY(o0, o1, o2, o3)  \
    "ldr.w r8, [r12, #" o0 "]\n\t"  \
    "ldr.w r9, [r12, #" o1 "]\n\t"  \
    "ldr.w r10, [r12, #" o2 "]\n\t" \
    "ldr.w r11, [r12, #" o3 "]\n\t"

/* The two pixels of `pair`: r8 and `pair` are the sums, doubled and with twice the bias. */
#if KWS_DSP
#define PART(pair)                      \
    "smlabb r8, " pair ", r11, r12\n\t" \
    "smlatb " pair ", " pair ", r11, r12\n\t"
#define FIRST_PAIR "0", "2"
#define SECOND_PAIR "1", "3"
#define THIRD_PAIR "4", "6"
#define FOURTH_PAIR "5", "7"
#define HIGH(x)                     \
    "smmlar r0, " x ", lr, r10\n\t" \
    "add.w " x ", r0, " x ", asr #31\n\t"
#else
#define PART(pair)                    \
    "sxth r8, " pair "\n\t"           \
    "sub " pair ", " pair ", r8\n\t"  \
    "asr " pair ", " pair ", #16\n\t" \
    "mla r8, r8, r11, r12\n\t"        \
    "mla " pair ", " pair ", r11, r12\n\t"
#define FIRST_PAIR "0", "1"
#define SECOND_PAIR "2", "3"
#define THIRD_PAIR "4", "5"
#define FOURTH_PAIR "6", "7"
#define HIGH(x)                            \
    "smull r0, " x ", " x ", lr\n\t"       \
    "add " x ", " x ", r0, lsr #31\n\t"    \
    "add " x ", " x ", " x ", asr #31\n\t" \
    "add " x ", " x ", r10\n\t"
#endif

/* kws_requantize_saturating of what is doubled, and store; saturating shifts the last place. */
#define PUT(x, at)                      \
    HIGH(x)                             \
    "asr " x ", " x ", r2\n\t"          \
    "ssat " x ", #8, " x ", asr #1\n\t" \
    "strb " x ", [r3, #" at "]\n\t"
#define PUT_PAIR_AT(pair, lower, upper) PART(pair) PUT("r8", lower) PUT(pair, upper)
#define PUT_PAIR(pair, pixels) PUT_PAIR_AT(pair, pixels)

/* To a plane's first word of signs, r2, and where its words end, r3; r12 is the bits that are left out of it. */
#define FIRST_WORD                \
    "ldr r0, [sp, #0]\n\t"        \
    "ldr r12, [sp, #8]\n\t"       \
    "ldr r3, [sp, #16]\n\t"       \
    "sub r1, r1, r12, lsr #3\n\t" \
    "add r3, r3, r1\n\t"          \
    "ldr r2, [r1], #4\n\t"        \
    "lsr r11, r2, r12\n\t"

/* A copy of the job is at sp, with the address that a row begins at in place of skip: the loads of its second entry,
 * since the first is where the sums begin. Other planes begin with their first, and double the sums before. */
KWS_NAKED const uint8_t *kws_planes_rows(const kws_planes_job *job __attribute__((unused))) {
    /* clang-format off */
    __asm__("push {r4-r11, lr}\n\t"
            "sub sp, sp, #48\n\t"
            "ldm r0, {r1-r12}\n\t"
            "stm sp, {r1-r12}\n\t"
            "mov r1, r2\n\t"
            "adr r0, 3f\n\t"
            "add r0, r0, r4\n\t"
            "orr r0, r0, #1\n\t"
            "str r0, [sp, #12]\n"
            "9:\n\t" /* a row */
            "ldr r9, [sp, #44]\n\t"
            "ldr lr, [sp, #36]\n\t"
            FIRST_WORD
            "and r10, r11, #15\n\t"
            "add r9, r9, r10, lsl #4\n\t"
            "ubfx r11, r11, #4, #4\n\t"
            "ldm r9, {r4-r7}\n\t"
            "add r12, r0, r11, lsl #4\n\t"
            "ldr pc, [sp, #12]\n"
            "1:\n\t" /* a turn */
            "ldr r2, [r1], #4\n\t"
            FIND_ENTRY("0") ADD_ENTRY LOAD_ENTRY("0", "4", "8", "12")
            FIND_ENTRY("4") ADD_ENTRY
            ".balign 4\n"
            "3:\n\t"
            LOAD_ENTRY("256", "260", "264", "268")
            FIND_ENTRY("8") ADD_ENTRY LOAD_ENTRY("512", "516", "520", "524")
            FIND_ENTRY("12") ADD_ENTRY LOAD_ENTRY("768", "772", "776", "780")
            FIND_ENTRY("16") ADD_ENTRY LOAD_ENTRY("1024", "1028", "1032", "1036")
            FIND_ENTRY("20") ADD_ENTRY LOAD_ENTRY("1280", "1284", "1288", "1292")
            FIND_ENTRY("24") ADD_ENTRY LOAD_ENTRY("1536", "1540", "1544", "1548")
            FIND_ENTRY("28") ADD_ENTRY LOAD_ENTRY("1792", "1796", "1800", "1804")
            "cmp r1, r3\n\t"
            "add r0, r0, #2048\n\t"
            "bne.w 1b\n\t"
            ADD_ENTRY
            "subs lr, lr, #1\n\t"
            "bne.w 7f\n\t"
            "ldr r9, [sp, #20]\n\t"
            "ldr r3, [sp, #28]\n\t"
            "ldr r11, [sp, #40]\n\t"
            "ldm r9!, {r2, r10, r12, lr}\n\t"
            "str r9, [sp, #20]\n\t"
            PUT_PAIR("r4", FIRST_PAIR) PUT_PAIR("r5", SECOND_PAIR) PUT_PAIR("r6", THIRD_PAIR) PUT_PAIR("r7", FOURTH_PAIR)
            "ldr r0, [sp, #32]\n\t"
            "ldr r2, [sp, #24]\n\t"
            "add r3, r3, r0\n\t"
            "str r3, [sp, #28]\n\t"
            "cmp r9, r2\n\t"
            "bne.w 9b\n\t"
            "mov r0, r1\n\t"
            "add sp, sp, #48\n\t"
            "pop {r4-r11, pc}\n"
            "7:\n\t" /* another plane */
            KWS_ADD_HALVES "r4, r4, r4\n\t"
            KWS_ADD_HALVES "r5, r5, r5\n\t"
            KWS_ADD_HALVES "r6, r6, r6\n\t"
            KWS_ADD_HALVES "r7, r7, r7\n\t"
            FIRST_WORD
            "and r12, r11, #15\n\t"
            "ldr r11, [sp, #12]\n\t"
            "add r12, r0, r12, lsl #4\n\t"
            "sub r11, r11, #40\n\t"
            "bx r11");
    /* clang-format on */
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
