/* Moving the rows of a state on by those that a step adds. */
#include <string.h>

#include "kws_engine.h"

/* Move every plane of a state towards older rows and write the input's rows behind them. */
kws_status kws_append_rows(const kws_append *layer, const int8_t *input, int8_t *state) {
    if (layer == NULL || input == NULL || state == NULL || layer->added > layer->pixels) {
        return KWS_ERROR_ARGUMENT;
    }
    const uint32_t kept = (uint32_t)layer->pixels - layer->added;
    for (uint32_t c = layer->channels; c > 0; c--) {
        int8_t *to = state;
        const int8_t *from = state + layer->added;
        uint32_t left = kept;
#if defined(__ARM_FEATURE_UNALIGNED) || !defined(__arm__)
        for (; left >= 4; left -= 4) { /* forwards: each word is read before anything is written into it */
            uint32_t word;
            memcpy(&word, from, 4);
            memcpy(to, &word, 4);
            from += 4;
            to += 4;
        }
#endif
        for (; left > 0; left--) {
            *to++ = *from++;
        }
        from = input;
        for (left = layer->added; left > 0; left--) {
            *to++ = *from++;
        }
        input += layer->in_plane;
        state += layer->plane;
    }
    return KWS_OK;
}
