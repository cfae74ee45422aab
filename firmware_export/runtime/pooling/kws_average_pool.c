/* Average pooling. */
#include "kws_mve_dot.h"
#include "kws_pool_view.h"

#if KWS_DSP
/* `sum` and four bytes, each moved by 128. */
static inline uint32_t kws_add_four(const int8_t *x, uint32_t sum) {
    uint32_t four;
    memcpy(&four, x, sizeof four);
    four ^= 0x80808080u;
    __asm__("usada8 %0, %1, %2, %0" : "+r"(sum) : "r"(four), "r"(0));
    return sum;
}
#endif

static int32_t kws_sum_of(const int8_t *x, int32_t count) {
#if KWS_MVE
    return kws_mve_sum(x, (uint32_t)count);
#else
    int32_t sum = 0;
#if KWS_DSP /* USADA8 adds four bytes without a sign; the sum is moved back in the end */
    uint32_t moved = 0;
    const int32_t words = count / 4;
    int32_t left = words;
    for (; left >= 4; left -= 4) {
        moved = kws_add_four(x + 12, kws_add_four(x + 8, kws_add_four(x + 4, kws_add_four(x, moved))));
        x += 16;
    }
    for (; left > 0; left--) {
        moved = kws_add_four(x, moved);
        x += 4;
    }
    sum = (int32_t)moved - 512 * words;
    count -= 4 * words;
#else
    for (; count >= 4; count -= 4) {
        sum += x[0] + x[1] + x[2] + x[3];
        x += 4;
    }
#endif
    for (; count > 0; count--) {
        sum += *x++;
    }
    return sum;
#endif
}

static inline int8_t kws_mean_of(const kws_pool *layer, int32_t sum, int32_t half, int32_t count) {
    const int32_t mean = (sum > 0 ? sum + half : sum - half) / count;
    const int32_t above = mean < layer->minimum ? layer->minimum : mean;
    return (int8_t)(above > layer->maximum ? layer->maximum : above);
}

#if KWS_DSP && !KWS_MVE
/* A view of at most four columns, for every channel; inlined for the most common number of rows. */
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
