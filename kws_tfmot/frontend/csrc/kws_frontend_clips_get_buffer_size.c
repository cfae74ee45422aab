/* Host only: bytes of scratch of kws_frontend_clips(). */
#include "kws_frontend_clips.h"

size_t kws_frontend_clips_get_buffer_size(const kws_frontend_tables *tables) {
    return sizeof(int32_t) * (2u * KWS_FFT_PAIRS(tables) * KWS_FRAME_LANES + 16u) +
           sizeof(int16_t) * KWS_FRAME_LANES * ((KWS_MELS(tables) + 1u) / 2u * 2u);
}
