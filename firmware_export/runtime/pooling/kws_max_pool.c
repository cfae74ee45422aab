/* Max pooling. */
#include "kws_mve_pool.h"
#include "kws_pool_view.h"

#if KWS_DSP && !KWS_MVE
/* The larger of each pair of bytes. */
static inline uint32_t kws_larger(uint32_t a, uint32_t b) {
    uint32_t out;
    __asm__("ssub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(out) : "r"(a), "r"(b));
    return out;
}

/* The largest of the four bytes. */
static inline int32_t kws_largest_byte(uint32_t bytes) {
    bytes = kws_larger(bytes, bytes >> 16 | bytes << 16);
    return (int8_t)kws_larger(bytes, bytes >> 8 | bytes << 24);
}

/* A view of at most four columns, for every channel; inlined for the most frequent number of rows. */
KWS_LAID_OUT void kws_narrow_windows(const kws_pool *layer, const kws_pool_view *v, int32_t rows, const int8_t *x,
                                     int8_t *out, uint32_t channels) {
    const uint32_t mask = kws_pool_mask(v), keep = mask == 0 ? ~0u : mask, fill = 0x80808080u & ~keep;
    const int32_t pitch = v->pitch, minimum = layer->minimum, maximum = layer->maximum;
    const uint32_t in_plane = layer->window.in_plane, out_plane = layer->window.out_plane;
    for (uint32_t c = channels; c > 0; c--) {
        uint32_t best = kws_pool_word(x);
        const int8_t *at = x;
        for (int32_t left = rows - 1; left > 0; left--) {
            at += pitch;
            best = kws_larger(best, kws_pool_word(at));
        }
        const int32_t largest = kws_largest_byte((best & keep) | fill);
        const int32_t above = largest < minimum ? minimum : largest;
        *out = (int8_t)(above > maximum ? maximum : above);
        x += in_plane;
        out += out_plane;
    }
}

/* The largest number of a view whose words may be read. */
static inline int8_t kws_largest_by_words(const int8_t *x, const kws_pool_view *v, uint32_t mask) {
    uint32_t best = 0x80808080u;
    for (int32_t rows = v->rows; rows > 0; rows--) {
        const int8_t *at = x;
        for (int32_t left = v->columns; left >= 4; left -= 4) {
            best = kws_larger(best, kws_pool_word(at));
            at += 4;
        }
        if (mask != 0) {
            best = kws_larger(best, (kws_pool_word(at) & mask) | (0x80808080u & ~mask));
        }
        x += v->pitch;
    }
    return (int8_t)kws_largest_byte(best);
}

/* Outputs beside each other, for every channel whose words may be read. */
KWS_LAID_OUT void kws_largest_of_run(const kws_pool *layer, const kws_pool_run *run, int32_t rows, int32_t columns,
                                     int32_t across, const int8_t *x, int8_t *out) {
    const uint32_t minimum = (uint8_t)layer->minimum * 0x01010101u, maximum = (uint8_t)layer->maximum * 0x01010101u;
    const int32_t pitch = run->pitch, count = run->count, step = 8 * run->stride;
    const uint32_t in_plane = layer->window.in_plane, out_plane = layer->window.out_plane;
    for (uint32_t c = run->channels; c > 0; c--) {
        uint32_t best = minimum;
        const int8_t *line = x;
        for (int32_t row = 0; row < rows; row++) {
            const int8_t *at = line;
            for (int32_t i = 0; i < columns; i++) {
                best = kws_larger(best, kws_pool_word(at));
                at += across;
            }
            line += pitch;
        }
        best = ~kws_larger(~best, ~maximum); /* the smaller */
        out[0] = (int8_t)best;
        if (count > 1) {
            best >>= step;
            out[1] = (int8_t)best;
            if (count > 2) {
                best >>= step;
                out[2] = (int8_t)best;
                if (count > 3) {
                    best >>= step;
                    out[3] = (int8_t)best;
                }
            }
        }
        x += in_plane;
        out += out_plane;
    }
}
#endif

#if !KWS_MVE
static int8_t kws_largest(const int8_t *x, const kws_pool_view *v) {
    int8_t best = -128;
    for (int32_t rows = v->rows; rows > 0; rows--) {
        for (int32_t i = 0; i < v->columns; i++) {
            best = x[i] > best ? x[i] : best;
        }
        x += v->pitch;
    }
    return best;
}
#endif

/* A place of the output, for the channels from `from` on. */
static void kws_rest_of_place(const kws_pool *layer, const kws_window *w, int32_t place, uint32_t from,
                              const int8_t *input, int8_t *output) {
    if (from == layer->channels) {
        return;
    }
    const kws_pool_view v = kws_pool_view_of(w, place / w->out_width, place % w->out_width);
    const int8_t *x = input + v.start + from * w->in_plane;
    int8_t *out = output + place + from * w->out_plane;
#if KWS_MVE
    if (kws_mve_takes_channels(w, &v)) {
        kws_mve_max_pool(layer, &v, x, out); /* all channels */
        return;
    }
#endif
#if KWS_DSP && !KWS_MVE
    const uint32_t mask = kws_pool_mask(&v);
    const int words = kws_pool_words_fit(w, &v);
    if (words && v.columns <= 4) {
        if (v.rows == 2) {
            kws_narrow_windows(layer, &v, 2, x, out, layer->channels - from);
        } else {
            kws_narrow_windows(layer, &v, v.rows, x, out, layer->channels - from);
        }
        return;
    }
#endif
    for (uint32_t c = layer->channels - from; c > 0; c--) {
#if KWS_MVE
        const int8_t best = kws_mve_largest(x, &v);
#elif KWS_DSP
        const int8_t best = words ? kws_largest_by_words(x, &v, mask) : kws_largest(x, &v);
#else
        const int8_t best = kws_largest(x, &v);
#endif
        const int8_t above = best < layer->minimum ? layer->minimum : best;
        *out = above > layer->maximum ? layer->maximum : above;
        x += w->in_plane;
        out += w->out_plane;
    }
}

/* Largest input inside the window, clamped to the activation's range. A place of the output at a time, for every
 * channel. */
kws_status kws_max_pool(const kws_pool *layer, const int8_t *input, int8_t *output) {
    if (layer == NULL || input == NULL || output == NULL || !kws_window_fits(&layer->window)) {
        return KWS_ERROR_ARGUMENT;
    }
    const kws_window window = kws_pool_upright(&layer->window), *w = &window;
    for (int32_t place = 0; place < w->out_height * w->out_width; place++) {
        uint32_t done = 0;
#if KWS_DSP && !KWS_MVE
        const kws_pool_view v = kws_pool_view_of(w, place / w->out_width, place % w->out_width);
        const kws_pool_run run = kws_pool_run_of(w, &v, place % w->out_width, layer->channels);
        if (run.count > 0) {
            KWS_POOL_BY_SIZE(kws_largest_of_run, layer, &run, input + v.start, output + place);
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
