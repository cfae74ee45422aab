/* Setting a whole tensor to one value. */
#include "kws_engine.h"

kws_status kws_fill(int8_t value, uint32_t bytes, int8_t *output) {
    if (output == NULL) {
        return KWS_ERROR_ARGUMENT;
    }
    while (bytes > 0) {
        *output++ = value;
        bytes--;
    }
    return KWS_OK;
}
