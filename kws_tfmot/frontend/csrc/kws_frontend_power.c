/* From the FFT of sample pairs to the power of the real signal's bins, 64 bits each. */
#include "kws_frontend_internal.h"
#include "kws_frontend_mve.h"

KWS_INLINE void store_power(int32_t *at, int32_t re, int32_t im) {
    const uint64_t power = kws_square(re >> KWS_SPECTRUM_SHIFT) + kws_square(im >> KWS_SPECTRUM_SHIFT);
    at[0] = (int32_t)(uint32_t)power;
    at[1] = (int32_t)(uint32_t)(power >> 32);
}

void kws_frontend_power(const kws_frontend_tables *tables, int32_t *scratch) {
    const uint32_t pairs = KWS_FFT_PAIRS(tables);
    int32_t *low = scratch + 2;
    int32_t *high = scratch + 2 * (pairs - 1);
#if KWS_HAS_VECTORS
    for (uint32_t k = 1; k <= pairs / 2; k += 4, low += 8, high -= 8) {
        kws_mirrored_fours(low, high, tables->twiddles + k);
    }
#else
    const int32_t half = 1 << (KWS_SPECTRUM_SHIFT - 1);
    for (uint32_t k = 1; k <= pairs / 2; ++k, low += 2, high -= 2) {
        const uint32_t w = tables->twiddles[k];
        const int32_t diff_re = low[0] - high[0];
        const int32_t diff_im = low[1] + high[1];
        const int32_t half_re = ((low[0] + high[0]) >> 1) + half;
        const int32_t half_im = ((low[1] - high[1]) >> 1) + half;
        const int32_t turned_re = kws_mul_high(diff_re, w) - kws_mul_low(diff_im, w);
        const int32_t turned_im = kws_mul_low(diff_re, w) + kws_mul_high(diff_im, w);
        store_power(high, half_re - turned_re, half_im - turned_im);
        store_power(low, half_re + turned_re, half_im + turned_im);
    }
#endif
}
