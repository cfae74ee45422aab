#include "kws_frontend_internal.h"

void kws_frontend_log_mel(const kws_frontend_tables *tables, const int32_t *scratch, int16_t *logs) {
    const uint16_t *rise = tables->rise;
    const int32_t *power = scratch + 2 * tables->bins[0];
    const uint64_t floor = ((uint64_t)tables->floor_high << 32) | tables->floor_low;
    uint64_t risen = 0;
    for (uint32_t band = 0; band <= tables->mels; ++band) {
        uint64_t all = 0;
        uint64_t rising = 0;
        for (uint32_t k = tables->bins[band]; k < tables->bins[band + 1]; ++k) {
            const uint32_t low = (uint32_t)power[0];
            const uint32_t high = (uint32_t)power[1];
            const uint32_t weight = *rise++;
            power += 2;
            all += ((uint64_t)high << 32) | low;
            rising += (uint64_t)low * weight + ((uint64_t)(high * weight) << 32);
        }
        if (band > 0) {
            logs[band - 1] = kws_frontend_log2(tables, risen + (all << 15) - rising + floor);
        }
        risen = rising;
    }
}
