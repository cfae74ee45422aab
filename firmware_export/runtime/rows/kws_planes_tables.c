/* The tables of every sum of four inputs. */
#include "kws_planes.h"

#if KWS_DSP
/* r11 to entry `number`, and its negative to the entry of the other signs. */
#define BOTH_SIGNS(operation, a, b, at, opposite) \
    operation " r11, " a ", " b "\n\t"            \
              "str r11, [r2, #" at "]\n\t"        \
              "ssub16 r11, lr, r11\n\t"           \
              "str r11, [r2, #" opposite "]\n\t"
#define DIFFERENCE(a, b, at, opposite) \
    "ssub16 r11, " a ", " b "\n\t"     \
    "str r11, [r2, #" at "]\n\t"       \
    "ssub16 r11, " b ", " a "\n\t"     \
    "str r11, [r2, #" opposite "]\n\t"

/* Two of the four pixels in r4-r7, and their word in each of 16 entries: r12 is x0 + x1, r8 x0 - x1, r9 x2 + x3 and
 * r10 x2 - x3. */
#define TWO_PIXELS(turned, e0, e1, e2, e3, e4, e5, e6, e7, e8, e9, e10, e11, e12, e13, e14, e15)                     \
    "sxtb16 r8, r4" turned "\n\t"                                                                                    \
    "sxtb16 r9, r5" turned "\n\t"                                                                                    \
    "sxtb16 r10, r6" turned "\n\t"                                                                                   \
    "sxtb16 r11, r7" turned "\n\t"                                                                                   \
    "sadd16 r12, r8, r9\n\t"                                                                                         \
    "ssub16 r8, r8, r9\n\t"                                                                                          \
    "sadd16 r9, r10, r11\n\t"                                                                                        \
    "ssub16 r10, r10, r11\n\t" BOTH_SIGNS("sadd16", "r12", "r9", e15, e0) DIFFERENCE("r12", "r9", e3, e12)           \
        BOTH_SIGNS("sadd16", "r12", "r10", e7, e8) DIFFERENCE("r12", "r10", e11, e4) DIFFERENCE("r8", "r9", e1, e14) \
            BOTH_SIGNS("sadd16", "r8", "r10", e5, e10) DIFFERENCE("r8", "r10", e9, e6)                               \
                BOTH_SIGNS("sadd16", "r8", "r9", e13, e2)

/* Four pixels: words 0 and 1 of every entry. */
KWS_NAKED static void kws_four_pixels(const int8_t *x __attribute__((unused)), uint32_t plane __attribute__((unused)),
                                      uint32_t *tables __attribute__((unused)),
                                      uint32_t count __attribute__((unused))) {
    __asm__("push {r4-r11, lr}\n\t"
            "mov lr, #0\n"
            "1:\n\t"
            "add r12, r0, r1\n\t"
            "ldr r4, [r0]\n\t"
            "ldr r5, [r0, r1]\n\t"
            "ldr r6, [r0, r1, lsl #1]\n\t"
            "ldr r7, [r12, r1, lsl #1]\n\t"
            "add r0, r0, r1, lsl #2\n\t" /* clang-format off */
            TWO_PIXELS("", "0", "16", "32", "48", "64", "80", "96", "112",
                       "128", "144", "160", "176", "192", "208", "224", "240")
            TWO_PIXELS(", ror #8", "4", "20", "36", "52", "68", "84", "100", "116",
                       "132", "148", "164", "180", "196", "212", "228", "244") /* clang-format on */
            "add r2, r2, #256\n\t"
            "subs r3, r3, #1\n\t"
            "bne.w 1b\n\t"
            "pop {r4-r11, pc}");
}

void kws_planes_tables(const int8_t *x, uint32_t plane, uint32_t count, uint32_t *tables) {
    if (count > 0) {
        kws_four_pixels(x, plane, tables, count);
        kws_four_pixels(x + 4, plane, tables + 2, count);
    }
}
#else
/* One word of every entry. */
static void kws_two_pixels(uint32_t x0, uint32_t x1, uint32_t x2, uint32_t x3, uint32_t *entry) {
    const uint32_t both = x2 + x3, other = x2 - x3;
    const uint32_t upper[4] = {0u - both, other, 0u - other, both};
    for (uint32_t i = 0; i < 4; i++) {
        entry[0] = upper[i] - x0 - x1;
        entry[KWS_PAIRS] = upper[i] + x0 - x1;
        entry[2 * KWS_PAIRS] = upper[i] - x0 + x1;
        entry[3 * KWS_PAIRS] = upper[i] + x0 + x1;
        entry += 4 * KWS_PAIRS;
    }
}

/* x0 + x1 * 2^16 of neighbouring pixels. */
static inline uint32_t kws_word_of(const int8_t *x) {
    return (uint32_t)x[0] + ((uint32_t)x[1] << 16);
}

void kws_planes_tables(const int8_t *x, uint32_t plane, uint32_t count, uint32_t *tables) {
    for (; count > 0; count--) {
        for (uint32_t pair = 0; pair < KWS_PAIRS; pair++) {
            const int8_t *y = x + 2 * pair;
            kws_two_pixels(kws_word_of(y), kws_word_of(y + plane), kws_word_of(y + 2 * plane),
                           kws_word_of(y + 3 * plane), tables + pair);
        }
        x += KWS_GROUP * plane;
        tables += KWS_TABLE_WORDS;
    }
}
#endif
