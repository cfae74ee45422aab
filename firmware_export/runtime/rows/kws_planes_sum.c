/* Sums over planes of signs by the tables of four inputs, in assembly and in C. */
#include "kws_planes.h"

#if KWS_THUMB2
/* r4-r7: sums; r8-r11: the entry at r3. */
#define KWS_ADD_ENTRY                                                                                     \
    "ldm r3, {r8-r11}\n\t" KWS_ADD_HALVES "r4, r4, r8\n\t" KWS_ADD_HALVES "r5, r5, r9\n\t" KWS_ADD_HALVES \
    "r6, r6, r10\n\t" KWS_ADD_HALVES "r7, r7, r11\n\t"
#define KWS_DOUBLE(x) KWS_ADD_HALVES x ", " x ", " x "\n\t"

KWS_NAKED const uint8_t *kws_planes_sum(const uint32_t *tables __attribute__((unused)),
                                        const uint8_t *code __attribute__((unused)),
                                        const uint32_t size[2] __attribute__((unused)),
                                        uint32_t sums[KWS_PAIRS] __attribute__((unused))) {
    __asm__("push {r3, r4-r11, lr}\n\t"
            "ldrd r12, r2, [r2]\n\t"
            "movs r4, #0\n\t"
            "movs r5, #0\n\t"
            "movs r6, #0\n\t"
            "movs r7, #0\n"
            "1:\n\t" /* r2 planes of r12 bytes at r1 */
            "add lr, r1, r12\n\t" KWS_DOUBLE("r4") KWS_DOUBLE("r5") KWS_DOUBLE("r6")
                KWS_DOUBLE("r7") "push {r0, r12}\n"
                                 "2:\n\t"
                                 "ldrb r12, [r1], #1\n\t"
                                 "and r3, r12, #15\n\t"
                                 "add r3, r0, r3, lsl #4\n\t" KWS_ADD_ENTRY "lsr r12, r12, #4\n\t"
                                 "add r0, r0, #256\n\t"
                                 "add r3, r0, r12, lsl #4\n\t" KWS_ADD_ENTRY "add r0, r0, #256\n\t"
                                 "cmp r1, lr\n\t"
                                 "bne 2b\n\t"
                                 "pop {r0, r12}\n\t"
                                 "subs r2, r2, #1\n\t"
                                 "bne 1b\n\t"
                                 "pop {r3}\n\t"
                                 "stm r3, {r4-r7}\n\t"
                                 "mov r0, r1\n\t"
                                 "pop {r4-r11, pc}");
}
#else
const uint8_t *kws_planes_sum(const uint32_t *tables, const uint8_t *code, const uint32_t size[2],
                              uint32_t sums[KWS_PAIRS]) {
    uint32_t a = 0, b = 0, c = 0, d = 0;
    for (uint32_t plane = size[1]; plane > 0; plane--) {
        const uint32_t *table = tables;
        a <<= 1;
        b <<= 1;
        c <<= 1;
        d <<= 1;
        for (uint32_t left = size[0]; left > 0; left--) {
            const uint32_t *low = table + KWS_PAIRS * (*code & 15u);
            const uint32_t *high = table + KWS_TABLE_WORDS + KWS_PAIRS * ((uint32_t)*code >> 4);
            a += low[0] + high[0];
            b += low[1] + high[1];
            c += low[2] + high[2];
            d += low[3] + high[3];
            table += 2 * KWS_TABLE_WORDS;
            code++;
        }
    }
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
    sums[3] = d;
    return code;
}
#endif
