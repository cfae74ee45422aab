/* Average pooling. */
#include "kws_pool_mean.h"
#include "kws_pool_view.h"

#if KWS_DSP && !KWS_MVE
/* A view of at most four columns, for every channel; inlined for the most frequent number of rows. */
KWS_LAID_OUT void kws_narrow_means(const kws_pool *layer, const kws_pool_view *v, int32_t rows, const int8_t *x,
                                   int8_t *out) {
    const uint32_t mask = kws_pool_mask(v), keep = mask == 0 ? ~0u : mask;
    const int32_t pitch = v->pitch, count = rows * v->columns, half = count / 2;
    const uint32_t in_plane = layer->window.in_plane, out_plane = layer->window.out_plane;
    for (uint32_t c = layer->channels; c > 0; c--) {
        uint32_t moved = 0;
        const int8_t *at = x;
        for (int32_t left = rows; left > 0; left--) {
            const uint32_t some = (kws_pool_word(at) ^ 0x80808080u) & keep;
            __asm__("usada8 %0, %1, %2, %0" : "+r"(moved) : "r"(some), "r"(0));
            at += pitch;
        }
        *out = kws_mean_of(layer, (int32_t)moved - 128 * count, half, count);
        x += in_plane;
        out += out_plane;
    }
}

/* The sum of a view whose words may be read. */
static inline int32_t kws_sum_by_words(const int8_t *x, const kws_pool_view *v, uint32_t mask) {
    uint32_t moved = 0;
    for (int32_t rows = v->rows; rows > 0; rows--) {
        const int8_t *at = x;
        for (int32_t left = v->columns; left >= 4; left -= 4) {
            moved = kws_add_four(at, moved);
            at += 4;
        }
        if (mask != 0) {
            const uint32_t some = (kws_pool_word(at) ^ 0x80808080u) & mask;
            __asm__("usada8 %0, %1, %2, %0" : "+r"(moved) : "r"(some), "r"(0));
        }
        x += v->pitch;
    }
    return (int32_t)moved - 128 * v->rows * v->columns;
}
#endif

static int32_t kws_sum_of_rows(const int8_t *x, const kws_pool_view *v) {
    int32_t sum = 0;
    for (int32_t rows = v->rows; rows > 0; rows--) {
        sum += kws_sum_of(x, v->columns);
        x += v->pitch;
    }
    return sum;
}

/* Mean of the inputs inside the window, rounded to nearest, ties away from zero. A place of the output at a time, for
 * every channel. */
kws_status kws_average_pool(const kws_pool *layer, const int8_t *input, int8_t *output) {
    if (layer == NULL || input == NULL || output == NULL || !kws_window_fits(&layer->window)) {
        return KWS_ERROR_ARGUMENT;
    }
    const kws_window *w = &layer->window;
    for (int32_t place = 0; place < w->out_height * w->out_width; place++) {
        const kws_pool_view v = kws_pool_view_of(w, place / w->out_width, place % w->out_width);
        const int32_t count = v.rows * v.columns, half = count / 2;
        const int8_t *x = input + v.start;
        int8_t *out = output + place;
#if KWS_DSP && !KWS_MVE
        const uint32_t mask = kws_pool_mask(&v);
        const int words = v.columns < 16 && kws_pool_words_fit(w, &v);
        if (words && v.columns <= 4) {
            if (v.rows == 2) {
                kws_narrow_means(layer, &v, 2, x, out);
            } else {
                kws_narrow_means(layer, &v, v.rows, x, out);
            }
            continue;
        }
#endif
        for (uint32_t c = layer->channels; c > 0; c--) {
#if KWS_DSP && !KWS_MVE
            const int32_t sum = words ? kws_sum_by_words(x, &v, mask) : kws_sum_of_rows(x, &v);
#else
            const int32_t sum = kws_sum_of_rows(x, &v);
#endif
            *out = kws_mean_of(layer, sum, half, count);
            x += w->in_plane;
            out += w->out_plane;
        }
    }
    return KWS_OK;
}
