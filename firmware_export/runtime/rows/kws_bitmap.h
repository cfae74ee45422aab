/* Reading bitmaps of weights that are not zero. */
#ifndef KWS_BITMAP_H
#define KWS_BITMAP_H

#include <stdint.h>

static inline uint32_t kws_read_map(const uint8_t **code) {
    const uint8_t *c = *code;
    *code = c + 4;
    return ((uint32_t)c[0] << 24) | ((uint32_t)c[1] << 16) | ((uint32_t)c[2] << 8) | (uint32_t)c[3];
}

/* Zeros above the highest one bit of x; x is not zero. */
static inline uint32_t kws_leading_zeros(uint32_t x) {
#if defined(__GNUC__)
    return (uint32_t)__builtin_clz(x);
#else
    uint32_t n = 0;
    while ((x & 0x80000000u) == 0) {
        x <<= 1;
        n++;
    }
    return n;
#endif
}

#endif /* KWS_BITMAP_H */
