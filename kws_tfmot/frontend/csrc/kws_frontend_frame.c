/* One frame, from the samples under the window to its features. */
#include "kws_frontend_internal.h"

kws_frontend_status kws_frontend_frame(const kws_frontend_tables *tables, const int16_t *samples, int32_t *scratch,
                                       int8_t *features) {
    if (!tables || !samples || !scratch || !features) {
        return KWS_FRONTEND_BAD_ARGUMENT;
    }
    int16_t *logs = (int16_t *)(void *)(scratch + 2u * KWS_FFT_PAIRS(tables));
    kws_frontend_fft(tables, samples, scratch);
    kws_frontend_power(tables, scratch);
    kws_frontend_log_mel(tables, scratch, logs);
    if (KWS_COEFFICIENTS(tables)) {
        kws_frontend_dct(tables, logs, features);
    } else {
        for (uint32_t band = 0; band < KWS_MELS(tables); ++band) {
            features[band] = kws_saturate_int8((logs[band] + (1 << (KWS_LOG_MEL_SHIFT - 1))) >> KWS_LOG_MEL_SHIFT);
        }
    }
    return KWS_FRONTEND_FRAME;
}
