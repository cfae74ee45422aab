/* The table of every sum of four inputs. */
#include "kws_planes.h"

/* Two pixels of a column as x0 + x1 * 2^16. */
static inline uint32_t kws_two_pixels(const kws_lane *row, uint32_t pair) {
#if KWS_PAIRED
    const int32_t first = kws_low_lane(row[pair]);
    const int32_t second = (int32_t)((uint32_t)row[pair] - (uint32_t)first) >> KWS_LANE_BITS;
    return (uint32_t)first + ((uint32_t)second << 16);
#else
    return (uint32_t)(int32_t)row[2 * pair] + ((uint32_t)(int32_t)row[2 * pair + 1] << 16);
#endif
}

/* Entries of the two lower inputs under a sum of the upper ones. */
static inline void kws_four_entries(uint32_t *entry, uint32_t sum, uint32_t x0, uint32_t x1) {
    entry[0] = sum;
    entry[KWS_PAIRS] = sum + x0;
    entry[2 * KWS_PAIRS] = sum + x1;
    entry[3 * KWS_PAIRS] = sum + x0 + x1;
}

void kws_planes_table(const kws_lane *columns, uint32_t inputs, uint32_t *table) {
    for (uint32_t pair = 0; pair < KWS_PAIRS; pair++) {
        const uint32_t x0 = inputs > 0 ? kws_two_pixels(columns, pair) : 0;
        const uint32_t x1 = inputs > 1 ? kws_two_pixels(columns + KWS_LANES, pair) : 0;
        const uint32_t x2 = inputs > 2 ? kws_two_pixels(columns + 2 * KWS_LANES, pair) : 0;
        const uint32_t x3 = inputs > 3 ? kws_two_pixels(columns + 3 * KWS_LANES, pair) : 0;
        const uint32_t sum = 0u - x0 - x1 - x2 - x3;
        kws_four_entries(table, sum, x0 << 1, x1 << 1);
        kws_four_entries(table + 4 * KWS_PAIRS, sum + (x2 << 1), x0 << 1, x1 << 1);
        kws_four_entries(table + 8 * KWS_PAIRS, sum + (x3 << 1), x0 << 1, x1 << 1);
        kws_four_entries(table + 12 * KWS_PAIRS, sum + (x2 << 1) + (x3 << 1), x0 << 1, x1 << 1);
        table++;
    }
}
