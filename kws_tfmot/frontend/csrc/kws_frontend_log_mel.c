/* Energies under the mel triangles, each bin shared by two neighbours, and their logarithms. */
#include "kws_frontend_internal.h"
#include "kws_frontend_mve.h"

void kws_frontend_log_mel(const kws_frontend_tables *tables, const int32_t *scratch, int16_t *logs) {
    const uint16_t *rise = tables->rise;
    const int32_t *power = scratch + 2 * tables->bins[0];
    const uint64_t floor = ((uint64_t)tables->floor_high << 32) | tables->floor_low;
    uint64_t risen = 0;
    for (uint32_t band = 0; band <= KWS_MELS(tables); ++band) {
        const uint16_t *end = rise + (tables->bins[band + 1] - tables->bins[band]);
        /* Sums of the lower and of the upper words; all powers together stay below 2^49. */
#if KWS_HAS_VECTORS
        kws_band sums = {0, 0, 0, 0};
        const uint32_t bins = (uint32_t)(end - rise);
        kws_add_band(&sums, power, rise, bins);
        rise = end;
        power += 2 * bins;
        const uint64_t all = sums.all_low + ((uint64_t)sums.all_high << 32);
        const uint64_t rising = sums.rising_low + ((uint64_t)sums.rising_high << 32);
#else
        uint64_t all_low = 0, rising_low = 0;
        uint32_t all_high = 0, rising_high = 0;
        for (; rise < end; ++rise, power += 2) {
            const uint32_t low = (uint32_t)power[0];
            const uint32_t high = (uint32_t)power[1];
            all_low += low;
            all_high += high;
            rising_low += kws_mul_weight(low, *rise);
            rising_high += high * *rise;
        }
        const uint64_t all = all_low + ((uint64_t)all_high << 32);
        const uint64_t rising = rising_low + ((uint64_t)rising_high << 32);
#endif
        if (band > 0) {
            logs[band - 1] = kws_frontend_log2(tables, risen + (all << 15) - rising + floor);
        }
        risen = rising;
    }
}
