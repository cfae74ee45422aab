#include "kws_engine.h"

/* Four bits, the common width: both halves of each byte without a window of bits. */
static const uint8_t *kws_unpack_halves(const kws_conv *layer, const uint8_t *source, int8_t *row) {
    const int8_t *table = layer->table;
    uint32_t left = layer->depth;
    if (table != NULL) {
        for (; left >= 2; left -= 2) {
            const uint32_t both = *source++;
            row[0] = table[both & 15u];
            row[1] = table[both >> 4];
            row += 2;
        }
        if (left != 0) {
            *row = table[*source++ & 15u];
        }
        return source;
    }
    for (; left >= 2; left -= 2) {
        const int32_t both = (int8_t)*source++;
        row[0] = (int8_t)((int32_t)((uint32_t)both << 28) >> 28);
        row[1] = (int8_t)(both >> 4);
        row += 2;
    }
    if (left != 0) {
        *row = (int8_t)((int32_t)((uint32_t)*source++ << 28) >> 28);
    }
    return source;
}

const uint8_t *kws_unpack_row(const kws_conv *layer, const uint8_t *source, int8_t *row) {
    const uint32_t bits = layer->bits;
    const uint32_t mask = (1u << bits) - 1u;
    const uint32_t sign = 1u << (bits - 1u);
    uint32_t window = 0;
    uint32_t have = 0;
    if (bits == 4) {
        return kws_unpack_halves(layer, source, row);
    }
    for (uint32_t left = layer->depth; left > 0; left--) {
        if (have < bits) {
            window |= (uint32_t)*source++ << have;
            have += 8;
        }
        const uint32_t value = window & mask;
        *row++ = layer->table != NULL ? layer->table[value] : (int8_t)((int32_t)(value ^ sign) - (int32_t)sign);
        window >>= bits;
        have -= bits;
    }
    return source;
}
