/* Natural logarithm: leading zeros, a table of 128 segments, linear interpolation. */
#include "kws_frontend_internal.h"

uint32_t kws_frontend_log(const kws_frontend_tables *tables, uint32_t value) {
    if (value <= 1u) {
        return 0;
    }
    const uint32_t whole = kws_bits(value) - 1u;
    const uint32_t rest = value - (1u << whole);
    const uint32_t fraction = whole < 16u ? rest << (16u - whole) : rest >> (whole - 16u);
    const uint32_t segment = fraction >> (16 - KWS_LOG_SEGMENT_BITS);
    const int32_t within = (int32_t)(fraction & ((1u << (16 - KWS_LOG_SEGMENT_BITS)) - 1u));
    const int32_t here = tables->log2[segment];
    const int32_t bend = ((tables->log2[segment + 1u] - here) * within) >> 16;
    const uint32_t log2 = (whole << 16) + fraction + (uint32_t)(here + bend);
    const uint32_t natural = (uint32_t)((kws_mul_short(log2, KWS_LOG_COEFFICIENT) + (1u << 15)) >> 16);
    const uint32_t scaled = ((natural << KWS_LOG_SCALE_SHIFT) + (1u << 15)) >> 16;
    return scaled < 0xFFFFu ? scaled : 0xFFFFu;
}
