/* Sums over planes of signs by the tables of four inputs, in assembly and in C. */
#include "kws_planes.h"

#if KWS_THUMB2
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
