/* Features of a frame. */
#include "kws_frontend_internal.h"

uint32_t kws_frontend_frame_size(const kws_frontend_tables *tables) {
    return KWS_MELS(tables);
}
