/* Bytes of the buffer of a stream: scratch, and the samples under the window. */
#include "kws_frontend_internal.h"

size_t kws_frontend_get_buffer_size(const kws_frontend_tables *tables) {
    return kws_frontend_get_scratch_size(tables) + sizeof(int16_t) * (size_t)tables->window_samples;
}
