/* Convolution of few outputs: each pixel is a matrix times the vector of what its window sees. */
#include "kws_range.h"
#include "kws_shapes.h"

/* What a window sees, in three loops: how many in each, and how far apart the bytes are in the input and in the vector.
 */
typedef struct {
    int32_t lines, pitch, width;
    int32_t outer, outer_step, outer_apart;
    int32_t inner, inner_step, inner_apart;
} kws_sight;

/* `count` taps of each of `lines` lines: the longer loop, over channels or over the taps of a line, is the inner one.
 */
static void kws_sight_of(kws_sight *sight, const kws_conv *layer, int32_t lines, int32_t count) {
    const kws_window *w = &layer->window;
    const int32_t taps = w->height * w->width, channels = layer->depth / taps, step = w->dilation_x;
    const kws_sight along = {lines, w->dilation_y * w->in_width, w->width, channels, w->in_plane, taps, count, step, 1};
    const kws_sight across = {lines, w->dilation_y * w->in_width, w->width, count, step, 1, channels, w->in_plane,
                              taps};
    *sight = channels < count ? along : across;
}

static void kws_bring(const kws_sight *sight, const int8_t *input, int8_t *vector) {
    const int32_t step = sight->inner_step, apart = sight->inner_apart;
    for (int32_t lines = sight->lines; lines > 0; lines--) {
        const int8_t *from = input;
        int8_t *to = vector;
        for (int32_t outer = sight->outer; outer > 0; outer--) {
            const int8_t *x = from;
            int8_t *put = to;
            int32_t left = sight->inner;
            for (; left >= 4; left -= 4) {
                const int8_t a = x[0], b = x[step], c = x[2 * step], d = x[3 * step];
                put[0] = a;
                put[apart] = b;
                put[2 * apart] = c;
                put[3 * apart] = d;
                x += 4 * step;
                put += 4 * apart;
            }
            for (; left > 0; left--) {
                *put = *x;
                x += step;
                put += apart;
            }
            from += sight->outer_step;
            to += sight->outer_apart;
        }
        input += sight->pitch;
        vector += sight->width;
    }
}

/* Of a window that begins at (y, x), part of which is outside. */
static void kws_bring_part(const kws_conv *layer, const int8_t *input, int32_t y, int32_t x, int8_t *vector) {
    const kws_window *w = &layer->window;
    const kws_range columns = kws_inside(x, w->width, w->dilation_x, w->in_width);
    const kws_range rows = kws_inside(y, w->height, w->dilation_y, w->in_height);
    const uint32_t outside = (uint8_t)w->zero_point * 0x01010101u;
    uint32_t *words = (uint32_t *)(void *)vector;
    for (uint32_t left = (layer->depth + 3u) / 4u; left > 0; left--) {
        *words++ = outside;
    }
    kws_sight sight;
    kws_sight_of(&sight, layer, rows.to - rows.from, columns.to - columns.from);
    input += (y + rows.from * w->dilation_y) * w->in_width + x + columns.from * w->dilation_x;
    kws_bring(&sight, input, vector + rows.from * w->width + columns.from);
}

/* Scratch: the vector, the outputs of a pixel, both in whole words, and what the product needs. */
kws_status kws_conv_pixels(const kws_pixels *layer, const int8_t *input, int8_t *output, void *scratch) {
    if (layer == NULL || input == NULL || output == NULL || scratch == NULL || layer->product == NULL) {
        return KWS_ERROR_ARGUMENT;
    }
    const kws_conv *conv = &layer->conv;
    const kws_window *w = &conv->window;
#ifndef NDEBUG
    if (!kws_planes_hold(w) || w->height == 0 || w->width == 0 || conv->depth % (w->height * w->width) != 0) {
        return KWS_ERROR_ARGUMENT;
    }
#endif
    int8_t *vector = (int8_t *)scratch, *outputs = vector + ((conv->depth + 3u) & ~3u);
    int8_t *rest = outputs + ((conv->channels + 3u) & ~3u);
    const int32_t plane = w->out_plane, last_y = w->in_height - (w->height - 1) * w->dilation_y;
    const int32_t last_x = w->in_width - (w->width - 1) * w->dilation_x;
    kws_sight sight;
    kws_sight_of(&sight, conv, w->height, w->width);
    int32_t y = w->first_y;
    for (uint32_t oy = w->out_height; oy > 0; oy--) {
        int32_t x = w->first_x;
        for (uint32_t ox = w->out_width; ox > 0; ox--) {
            if (y >= 0 && y < last_y && x >= 0 && x < last_x) {
                kws_bring(&sight, input + y * w->in_width + x, vector);
            } else {
                kws_bring_part(conv, input, y, x, vector);
            }
            const kws_status status = layer->product(conv, vector, outputs, rest);
            if (status != KWS_OK) {
                return status;
            }
            int8_t *out = output;
            for (uint32_t channel = 0; channel < conv->channels; channel++) {
                *out = outputs[channel];
                out += plane;
            }
            output++;
            x += w->stride_x;
        }
        y += w->stride_y;
    }
    return KWS_OK;
}
