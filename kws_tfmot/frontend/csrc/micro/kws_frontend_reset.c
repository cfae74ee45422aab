/* Back to the beginning of a stream. */
#include "kws_frontend_internal.h"

kws_frontend_status kws_frontend_reset(kws_frontend *frontend) {
    if (!frontend) {
        return KWS_FRONTEND_BAD_ARGUMENT;
    }
    memset(frontend->estimate, 0, sizeof(uint32_t) * KWS_MELS(frontend->tables));
    frontend->filled = 0;
    return KWS_FRONTEND_OK;
}
