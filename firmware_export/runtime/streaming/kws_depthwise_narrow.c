/* A 3x3 depthwise kernel over a few rows of a narrow plane, from the plane as it lies: one step of a DS-CNN. */
#include "kws_plane.h"
#include "kws_shapes.h"

#if KWS_DSP
/* Two int16 in a word: `low` in its lower half. */
static inline uint32_t kws_pair(int32_t low, int32_t high) {
    uint32_t out;
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(out) : "r"(low), "r"(high));
    return out;
}

static inline int32_t kws_both(uint32_t a, uint32_t b, int32_t sum) {
    __asm__("smlad %0, %1, %2, %3" : "=r"(sum) : "r"(a), "r"(b), "r"(sum));
    return sum;
}

/* Upper half of a times lower half of b. */
static inline int32_t kws_upper_lower(uint32_t a, uint32_t b, int32_t sum) {
    __asm__("smlatb %0, %1, %2, %3" : "=r"(sum) : "r"(a), "r"(b), "r"(sum));
    return sum;
}

/* Lower half of a times upper half of b. */
static inline int32_t kws_lower_upper(uint32_t a, uint32_t b, int32_t sum) {
    __asm__("smlabt %0, %1, %2, %3" : "=r"(sum) : "r"(a), "r"(b), "r"(sum));
    return sum;
}

/* kws_requantize_plain of a doubled sum that has the bias. */
static inline int8_t kws_finish(int32_t doubled, const kws_scale *scale) {
    int32_t y, out;
    __asm__("smmulr %0, %1, %2" : "=r"(y) : "r"(doubled), "r"(scale->multiplier));
    y += y >> 31;
    y = (y + scale->round) >> scale->shift;
    __asm__("ssat %0, #8, %1" : "=r"(out) : "r"(y));
    return (int8_t)out;
}

/* Doubled taps of each column: rows 0 and 1, rows 1 and 2. */
typedef struct {
    uint32_t upper[3], lower[3];
} kws_columns;

/* One row of outputs. Columns of inputs are pairs of rows 0 and 1, and row 2. */
static inline void kws_one_line(kws_columns taps, kws_scale scale, const int8_t *x, int32_t width, int32_t zero,
                                int8_t *y) {
    const int8_t *const end = x + width;
    uint32_t before = kws_pair(zero, zero), here = kws_pair(x[0], x[width]);
    int32_t before2 = zero, here2 = x[2 * width];
    while (x < end) {
        x++;
        uint32_t next = kws_pair(zero, zero);
        int32_t next2 = zero;
        if (x < end) {
            next = kws_pair(x[0], x[width]);
            next2 = x[2 * width];
        }
        int32_t sum = kws_both(before, taps.upper[0], scale.doubled);
        sum = kws_both(here, taps.upper[1], sum);
        sum = kws_both(next, taps.upper[2], sum);
        sum = kws_lower_upper((uint32_t)before2, taps.lower[0], sum);
        sum = kws_lower_upper((uint32_t)here2, taps.lower[1], sum);
        sum = kws_lower_upper((uint32_t)next2, taps.lower[2], sum);
        *y++ = kws_finish(sum, &scale);
        before = here;
        here = next;
        before2 = here2;
        here2 = next2;
    }
}

/* Two rows of outputs from pairs of rows 0 and 1, and 2 and 3. */
static inline void kws_two_lines(kws_columns taps, kws_scale scale, const int8_t *x, int32_t width, int32_t zero,
                                 int8_t *y) {
    const int8_t *const end = x + width;
    const uint32_t outside = kws_pair(zero, zero);
    uint32_t before = outside, here = kws_pair(x[0], x[width]);
    uint32_t before2 = outside, here2 = kws_pair(x[2 * width], x[3 * width]);
    while (x < end) {
        x++;
        uint32_t next = outside, next2 = outside;
        if (x < end) {
            next = kws_pair(x[0], x[width]);
            next2 = kws_pair(x[2 * width], x[3 * width]);
        }
        int32_t a = kws_both(before, taps.upper[0], scale.doubled);
        int32_t b = kws_both(before2, taps.lower[0], scale.doubled);
        a = kws_lower_upper(before2, taps.lower[0], a);
        b = kws_upper_lower(before, taps.upper[0], b);
        a = kws_both(here, taps.upper[1], a);
        b = kws_both(here2, taps.lower[1], b);
        a = kws_lower_upper(here2, taps.lower[1], a);
        b = kws_upper_lower(here, taps.upper[1], b);
        a = kws_both(next, taps.upper[2], a);
        b = kws_both(next2, taps.lower[2], b);
        a = kws_lower_upper(next2, taps.lower[2], a);
        b = kws_upper_lower(next, taps.upper[2], b);
        y[0] = kws_finish(a, &scale);
        y[width] = kws_finish(b, &scale);
        y++;
        before = here;
        here = next;
        before2 = here2;
        here2 = next2;
    }
}

static void kws_lines_of(const int8_t *weights, const kws_scale *scale, const int8_t *x, const kws_window *w,
                         int8_t *y) {
    const int32_t width = w->in_width, zero = w->zero_point;
    kws_columns taps;
    for (uint32_t k = 0; k < 3; k++) {
        const int32_t middle = 2 * weights[3 + k];
        taps.upper[k] = kws_pair(2 * weights[k], middle);
        taps.lower[k] = kws_pair(middle, 2 * weights[6 + k]);
    }
    int32_t left = w->out_height;
    for (; left >= 2; left -= 2) {
        kws_two_lines(taps, *scale, x, width, zero, y);
        x += 2 * width;
        y += 2 * width;
    }
    if (left > 0) {
        kws_one_line(taps, *scale, x, width, zero, y);
    }
}
#else
static void kws_lines_of(const int8_t *weights, const kws_scale *scale, const int8_t *x, const kws_window *w,
                         int8_t *y) {
    const int32_t width = w->in_width;
    for (int32_t row = 0; row < w->out_height; row++) {
        for (int32_t column = 0; column < width; column++) {
            int32_t sum = 0;
            for (int32_t k = 0; k < 3; k++) {
                const int32_t place = column + k - 1;
                const int8_t *line = x + place;
                if (place < 0 || place >= width) {
                    sum += w->zero_point * (weights[k] + weights[3 + k] + weights[6 + k]);
                } else {
                    sum += line[0] * weights[k] + line[width] * weights[3 + k] + line[2 * width] * weights[6 + k];
                }
            }
            *y++ = (int8_t)kws_requantize_plain(sum, scale);
        }
        x += width;
    }
}
#endif

/* Stride and dilation 1, padding of one column at either side and of no row; see kws_engine.h. */
kws_status kws_depthwise_narrow(const kws_depthwise *layer, const int8_t *input, int8_t *output, void *scratch) {
    (void)scratch;
    if (layer == NULL || input == NULL || output == NULL || !layer->output.plain || layer->multiplier != 1) {
        return KWS_ERROR_ARGUMENT;
    }
    const kws_window *w = &layer->window;
    if (w->height != 3 || w->width != 3 || w->stride_y != 1 || w->stride_x != 1 || w->dilation_y != 1 ||
        w->dilation_x != 1 || w->first_x != -1 || w->first_y < 0 || w->out_width != w->in_width ||
        w->first_y + w->out_height + 2 > w->in_height || !kws_window_fits(w)) {
        return KWS_ERROR_ARGUMENT;
    }
    const int8_t *x = input + w->first_y * w->in_width;
    const uint8_t *code = layer->weights;
    int8_t unpacked[12];
    for (uint32_t channel = 0; channel < layer->channels; channel++) {
        const kws_scale scale = kws_scale_of(&layer->output, channel);
        kws_lines_of(kws_depthwise_taps(layer, &code, unpacked), &scale, x, w, output);
        x += w->in_plane;
        output += w->out_plane;
    }
    return KWS_OK;
}
