/* int8 neighbours as int16. */
#ifndef KWS_WIDEN_H
#define KWS_WIDEN_H

#include <string.h>

#include "kws_engine.h"

#if KWS_DSP
static inline void kws_widen_four(const int8_t *x, int16_t *y) {
    uint32_t word, even, odd, low, high;
    memcpy(&word, x, 4);
    __asm__("sxtb16 %0, %1" : "=r"(even) : "r"(word));
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(odd) : "r"(word));
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(low) : "r"(even), "r"(odd));
    __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(high) : "r"(odd), "r"(even));
    memcpy(y, &low, 4);
    memcpy(y + 2, &high, 4);
}

/* Neighbours, four at once; the last four end with the line. */
static inline void kws_widen(const int8_t *x, int32_t count, int16_t *y) {
    if (count < 4) {
        for (; count > 0; count--) {
            *y++ = *x++;
        }
        return;
    }
    const int32_t last = count - 4;
    for (int32_t i = 0; i < last; i += 4) {
        kws_widen_four(x + i, y + i);
    }
    kws_widen_four(x + last, y + last);
}
#endif

#endif /* KWS_WIDEN_H */
