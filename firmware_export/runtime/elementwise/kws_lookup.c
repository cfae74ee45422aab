/* Any function of one byte, by a table. */
#include "kws_engine.h"

/* out = table[in], the byte's value taken as unsigned: any function of one int8 (or uint8) value. */
kws_status kws_lookup(const int8_t table[256], uint32_t bytes, const int8_t *input, int8_t *output) {
    if (table == NULL || input == NULL || output == NULL) {
        return KWS_ERROR_ARGUMENT;
    }
    while (bytes > 0) {
        *output++ = table[(uint8_t)*input++];
        bytes--;
    }
    return KWS_OK;
}
