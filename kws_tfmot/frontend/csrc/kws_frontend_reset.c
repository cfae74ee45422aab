/* Back to the beginning of a stream. */
#include "kws_frontend_internal.h"

kws_frontend_status kws_frontend_reset(kws_frontend *frontend) {
    if (!frontend) {
        return KWS_FRONTEND_BAD_ARGUMENT;
    }
    frontend->filled = 0;
    return KWS_FRONTEND_OK;
}
