/* Unpacking one row of weights of few bits. */
#include "kws_mve.h"

#if KWS_MVE
const uint8_t *kws_unpack_row(const int8_t *table, uint32_t bits, uint32_t depth, const uint8_t *source, int8_t *row) {
    return kws_mve_unpack_row(table, bits, depth, source, row);
}
#else
#if defined(__GNUC__)
#define KWS_FIXED static inline __attribute__((always_inline))
#else
#define KWS_FIXED static inline
#endif

#define KWS_LOOK_UP(i) row[i] = table[(word >> ((i) * bits)) & mask]

/* Eights of weights through a table, `bits` a constant of at most four: they take whole bytes, which fit a word. */
KWS_FIXED const uint8_t *kws_look_up(const int8_t *table, uint32_t bits, uint32_t eights, const uint8_t *source,
                                     int8_t *row) {
    const uint32_t mask = (1u << bits) - 1u;
    for (; eights > 0; eights--) {
        uint32_t word = source[0];
        word |= bits > 1 ? (uint32_t)source[1] << 8 : 0;
        word |= bits > 2 ? (uint32_t)source[2] << 16 : 0;
        word |= bits > 3 ? (uint32_t)source[3] << 24 : 0;
        KWS_LOOK_UP(0);
        KWS_LOOK_UP(1);
        KWS_LOOK_UP(2);
        KWS_LOOK_UP(3);
        KWS_LOOK_UP(4);
        KWS_LOOK_UP(5);
        KWS_LOOK_UP(6);
        KWS_LOOK_UP(7);
        source += bits;
        row += 8;
    }
    return source;
}

static const uint8_t *kws_look_up_eights(const int8_t *table, uint32_t bits, uint32_t eights, const uint8_t *source,
                                         int8_t *row) {
    switch (bits) {
    case 1:
        return kws_look_up(table, 1, eights, source, row);
    case 2:
        return kws_look_up(table, 2, eights, source, row);
    case 3:
        return kws_look_up(table, 3, eights, source, row);
    default:
        return kws_look_up(table, 4, eights, source, row);
    }
}

const uint8_t *kws_unpack_row(const int8_t *table, uint32_t bits, uint32_t depth, const uint8_t *source, int8_t *row) {
    const uint32_t mask = (1u << bits) - 1u;
    const uint32_t sign = 1u << (bits - 1u);
    uint32_t left = depth;
    if (table != NULL && bits <= 4) {
        source = kws_look_up_eights(table, bits, depth / 8u, source, row);
        row += depth / 8u * 8u;
        left = depth % 8u;
    }
    uint32_t window = 0;
    uint32_t have = 0;
    for (; left > 0; left--) {
        if (have < bits) {
            window |= (uint32_t)*source++ << have;
            have += 8;
        }
        const uint32_t value = window & mask;
        *row++ = table != NULL ? table[value] : (int8_t)((int32_t)(value ^ sign) - (int32_t)sign);
        window >>= bits;
        have -= bits;
    }
    return source;
}
#endif
