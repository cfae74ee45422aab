/* Bytes of scratch that one frame needs: the FFT. */
#include "kws_frontend_internal.h"

size_t kws_frontend_get_scratch_size(const kws_frontend_tables *tables) {
    return sizeof(uint32_t) * KWS_FFT_PAIRS(tables);
}
