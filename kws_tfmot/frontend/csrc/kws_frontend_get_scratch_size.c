/* Bytes of scratch that one frame needs: the FFT and the logarithms. */
#include "kws_frontend_internal.h"

size_t kws_frontend_get_scratch_size(const kws_frontend_tables *tables) {
    return sizeof(int32_t) * 2u * KWS_FFT_PAIRS(tables) + sizeof(int16_t) * (size_t)((KWS_MELS(tables) + 1u) / 2u * 2u);
}
