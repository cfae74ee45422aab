/* Cepstral coefficients: the cosine transform of the logarithms, rounded and saturated to int8. */
#include "kws_frontend_internal.h"

void kws_frontend_dct(const kws_frontend_tables *tables, const int16_t *logs, int8_t *features) {
    const uint32_t shift = tables->dct_shift + (uint32_t)KWS_LOG_BITS;
    const int16_t *row = tables->dct;
    for (uint32_t i = 0; i < KWS_COEFFICIENTS(tables); ++i) {
        int32_t sum = (int32_t)1 << (shift - 1);
        uint32_t band = 0;
#if KWS_HAS_DSP
        for (; band + 2 <= KWS_MELS(tables); band += 2, row += 2) {
            sum = kws_mac_two(kws_load_two(logs + band), kws_load_two(row), sum);
        }
#endif
        for (; band < KWS_MELS(tables); ++band) {
            sum += logs[band] * *row++;
        }
        features[i] = kws_saturate_int8(sum >> shift);
    }
}
