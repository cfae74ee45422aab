/* New rows of time behind the older ones of a state. */
#include <string.h>

#include "kws_engine.h"

static inline void kws_copy_word(const int8_t *from, int8_t *to) {
    uint32_t word;
    memcpy(&word, from, 4);
    memcpy(to, &word, 4);
}

/* Words, the last of which ends where the row does; rows of two or three bytes byte by byte. */
static inline void kws_copy_row(const int8_t *from, int8_t *to, uint32_t bytes) {
    if (bytes < 4) {
        for (; bytes > 0; bytes--) {
            *to++ = *from++;
        }
        return;
    }
    const uint32_t last = bytes - 4;
    for (uint32_t at = 0; at < last; at += 4) {
        kws_copy_word(from + at, to + at);
    }
    kws_copy_word(from + last, to + last);
}

/* Move every plane of a state towards older rows and write the input's rows behind them.
 *
 * The planes are one behind the other, so all of them move at once; what comes from the next plane into a plane's
 * newest rows, or into its padding, is overwritten or never used. */
kws_status kws_append_rows(const kws_append *layer, const int8_t *input, int8_t *state) {
    if (layer == NULL || input == NULL || state == NULL || layer->added > layer->pixels ||
        layer->pixels > layer->plane) {
        return KWS_ERROR_ARGUMENT;
    }
    const uint32_t added = layer->added, total = (uint32_t)layer->channels * layer->plane;
    const int8_t *from = state + added;
    int8_t *to = state;
    for (uint32_t left = (total - added) / 16; left > 0; left--) { /* each word is read before it is overwritten */
        uint32_t a, b, c, d;
        memcpy(&a, from, 4);
        memcpy(&b, from + 4, 4);
        memcpy(&c, from + 8, 4);
        memcpy(&d, from + 12, 4);
        memcpy(to, &a, 4);
        memcpy(to + 4, &b, 4);
        memcpy(to + 8, &c, 4);
        memcpy(to + 12, &d, 4);
        from += 16;
        to += 16;
    }
    for (uint32_t left = (total - added) % 16; left > 0; left--) {
        *to++ = *from++;
    }
    int8_t *newest = state + layer->pixels - added;
    if (added == 1) {
        for (uint32_t c = layer->channels; c > 0; c--) {
            *newest = *input;
            newest += layer->plane;
            input += layer->in_plane;
        }
        return KWS_OK;
    }
    for (uint32_t c = layer->channels; c > 0; c--) {
        kws_copy_row(input, newest, added);
        input += layer->in_plane;
        newest += layer->plane;
    }
    return KWS_OK;
}
