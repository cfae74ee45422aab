/* Logarithm to base 2 of a 64-bit number: leading zeros, and a table with linear interpolation. */
#include "kws_frontend_internal.h"

/* Leading zeros of a non-zero word. */
static inline uint32_t leading_zeros(uint32_t value) {
#if defined(__GNUC__)
    return (uint32_t)__builtin_clz(value);
#else
    uint32_t zeros = 0;
    for (; !(value & 0x80000000u); value <<= 1) {
        ++zeros;
    }
    return zeros;
#endif
}

int16_t kws_frontend_log2(const kws_frontend_tables *tables, uint64_t value) {
    uint32_t top = (uint32_t)(value >> 32);
    uint32_t rest = (uint32_t)value;
    int32_t exponent = 63;
    if (top == 0) {
        top = rest;
        rest = 0;
        exponent = 31;
    }
    const uint32_t zeros = leading_zeros(top);
    if (zeros > 0) {
        top = (top << zeros) | (rest >> (32 - zeros));
    }
    exponent -= (int32_t)zeros;
    const uint32_t index = (top >> (31 - KWS_LOG_TABLE_BITS)) & ((1u << KWS_LOG_TABLE_BITS) - 1u);
    const uint32_t fraction = (top >> (15 - KWS_LOG_TABLE_BITS)) & 0xFFFFu;
    const uint32_t here = tables->log2[index];
    const uint32_t rise = tables->log2[index + 1] - here;
    const int32_t mantissa = (int32_t)(here + ((rise * fraction + 0x8000u) >> 16));
    const int32_t octaves = exponent * 32768 + mantissa - tables->log_offset;
    return (int16_t)((octaves + (1 << (14 - KWS_LOG_BITS))) >> (15 - KWS_LOG_BITS));
}
