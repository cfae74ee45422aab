/* Host only: bytes of scratch of kws_frontend_clips(). */
#include "kws_frontend_clips.h"

size_t kws_frontend_clips_get_buffer_size(const kws_frontend_tables *tables) {
    return kws_frontend_get_buffer_size(tables);
}
