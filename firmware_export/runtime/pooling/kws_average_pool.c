/* Average pooling. */
#include "kws_pool_mean.h"
#include "kws_pool_view.h"

#if KWS_DSP && !KWS_MVE
/* A view of at most four columns, for every channel; inlined for the most frequent number of rows. */
KWS_LAID_OUT void kws_narrow_means(const kws_pool *layer, const kws_pool_view *v, int32_t rows, const int8_t *x,
                                   int8_t *out, uint32_t channels) {
    const uint32_t mask = kws_pool_mask(v), keep = mask == 0 ? ~0u : mask;
    const int32_t pitch = v->pitch, count = rows * v->columns, half = count / 2;
    const uint32_t in_plane = layer->window.in_plane, out_plane = layer->window.out_plane;
    for (uint32_t c = channels; c > 0; c--) {
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

/* Outputs beside each other, for every channel whose words may be read; sums of at most 255 inputs fit 16 bits. */
KWS_LAID_OUT void kws_means_of_run(const kws_pool *layer, const kws_pool_run *run, int32_t rows, int32_t columns,
                                   int32_t across, const int8_t *x, int8_t *out) {
    const int32_t pitch = run->pitch, number = run->count, stride = run->stride, count = rows * columns;
    const uint32_t in_plane = layer->window.in_plane, out_plane = layer->window.out_plane;
    for (uint32_t c = run->channels; c > 0; c--) {
        uint32_t even = 0, odd = 0;
        const int8_t *line = x;
        for (int32_t row = 0; row < rows; row++) {
            const int8_t *at = line;
            for (int32_t i = 0; i < columns; i++) {
                const uint32_t four = kws_pool_word(at);
                __asm__("sxtab16 %0, %0, %1" : "+r"(even) : "r"(four));
                __asm__("sxtab16 %0, %0, %1, ror #8" : "+r"(odd) : "r"(four));
                at += across;
            }
            line += pitch;
        }
        out[0] = kws_mean_of(layer, (int16_t)even, count / 2, count);
        if (number > 1) {
            const int32_t second = (int32_t)(stride == 2 ? even : odd);
            out[1] = kws_mean_of(layer, stride == 1 ? (int16_t)second : second >> 16, count / 2, count);
            if (number > 2) {
                out[2] = kws_mean_of(layer, (int32_t)even >> 16, count / 2, count);
                if (number > 3) {
                    out[3] = kws_mean_of(layer, (int32_t)odd >> 16, count / 2, count);
                }
            }
        }
        x += in_plane;
        out += out_plane;
    }
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

/* A place of the output, for the channels from `from` on. */
static void kws_rest_of_place(const kws_pool *layer, const kws_window *w, int32_t place, uint32_t from,
                              const int8_t *input, int8_t *output) {
    if (from == layer->channels) {
        return;
    }
    const kws_pool_view v = kws_pool_view_of(w, place / w->out_width, place % w->out_width);
    const int32_t count = v.rows * v.columns, half = count / 2;
    const int8_t *x = input + v.start + from * w->in_plane;
    int8_t *out = output + place + from * w->out_plane;
#if KWS_DSP && !KWS_MVE
    const uint32_t mask = kws_pool_mask(&v);
    const int words = v.columns < 16 && kws_pool_words_fit(w, &v);
    if (words && v.columns <= 4) {
        if (v.rows == 2) {
            kws_narrow_means(layer, &v, 2, x, out, layer->channels - from);
        } else {
            kws_narrow_means(layer, &v, v.rows, x, out, layer->channels - from);
        }
        return;
    }
#endif
    for (uint32_t c = layer->channels - from; c > 0; c--) {
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

/* Mean of the inputs inside the window, rounded to nearest, ties away from zero. A place of the output at a time, for
 * every channel. */
kws_status kws_average_pool(const kws_pool *layer, const int8_t *input, int8_t *output) {
    if (layer == NULL || input == NULL || output == NULL || !kws_window_fits(&layer->window)) {
        return KWS_ERROR_ARGUMENT;
    }
    const kws_window window = kws_pool_upright(&layer->window), *w = &window;
    for (int32_t place = 0; place < w->out_height * w->out_width; place++) {
        uint32_t done = 0;
#if KWS_DSP && !KWS_MVE
        const kws_pool_view v = kws_pool_view_of(w, place / w->out_width, place % w->out_width);
        const kws_pool_run run = kws_pool_run_of(w, &v, place % w->out_width, layer->channels);
        if (run.count > 0 && v.rows * v.columns <= 255) {
            KWS_POOL_BY_SIZE(kws_means_of_run, layer, &run, input + v.start, output + place);
            for (int32_t i = 0; i + 1 < run.count; i++) {
                kws_rest_of_place(layer, w, place + i, run.channels, input, output);
            }
            place += run.count - 1;
            done = run.channels;
        }
#endif
        kws_rest_of_place(layer, w, place, done, input, output);
    }
    return KWS_OK;
}
