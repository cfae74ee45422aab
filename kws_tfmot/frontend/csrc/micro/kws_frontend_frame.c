/* One frame, from the samples under the window to its features. */
#include "kws_frontend_internal.h"

kws_frontend_status kws_frontend_frame(const kws_frontend_tables *tables, const int16_t *samples, uint32_t *scratch,
                                       uint32_t *estimate, int8_t *features) {
    if (!tables || !samples || !scratch || !estimate || !features) {
        return KWS_FRONTEND_BAD_ARGUMENT;
    }
    const uint32_t shift = kws_frontend_headroom(tables, samples);
    kws_frontend_fft(tables, samples, shift, scratch);
    kws_frontend_energy(tables, scratch);
    kws_frontend_channels(tables, scratch, shift, estimate, features);
    return KWS_FRONTEND_FRAME;
}
