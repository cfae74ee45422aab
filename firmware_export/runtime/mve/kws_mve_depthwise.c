/* Depthwise convolution by vectors. */
#include "kws_mve_lines.h"

#if KWS_MVE
#define KWS_MVE_NO_TAP 255u

static void kws_mve_fill(uint8_t *to, uint8_t value, uint32_t bytes) {
    for (; bytes > 16u; bytes -= 16u) {
        vstrbq_u8(to, vdupq_n_u8(value));
        to += 16;
    }
    vstrbq_p_u8(to, vdupq_n_u8(value), vctp8q(bytes));
}

/* Which tap stands where in the pieces. */
static void kws_mve_number_taps(const kws_mve_plan *p, uint8_t *numbers) {
    const kws_window *w = &p->window;
    kws_mve_fill(numbers, KWS_MVE_NO_TAP, 16u * p->pieces);
    uint8_t number = 0;
    for (uint32_t ky = 0; ky < w->height; ky++) {
        const uint32_t line = p->across == p->pieces ? ky * p->jump : 16u * ky * p->across;
        for (uint32_t kx = 0; kx < w->width; kx++) {
            numbers[line + kx * w->dilation_x] = number++;
        }
    }
}

/* The weights of the pieces of one channel. */
static void kws_mve_lay_taps(const kws_mve_plan *p, const uint8_t *numbers, const int8_t *taps, int8_t *weights) {
    const uint8x16_t limit = vdupq_n_u8((uint8_t)(p->window.height * p->window.width));
    for (uint32_t pieces = p->pieces; pieces > 0; pieces--) {
        const uint8x16_t number = vldrbq_u8(numbers);
        const mve_pred16_t there = vcmphiq_u8(limit, number);
        vstrbq_s8(weights, vldrbq_gather_offset_z_s8(taps, number, there));
        numbers += 16;
        weights += 16;
    }
}

/* One channel's inputs, line by line, into the padded plane. */
static void kws_mve_load(const kws_mve_plan *p, const int8_t *input, int8_t *plane) {
    uint32_t in_pitch = p->window.in_width, pitch = p->pitch;
    uint32_t columns = (uint32_t)(p->x_to - p->x_from), rows = (uint32_t)(p->y_to - p->y_from);
    const int8_t *from = input + (uint32_t)p->y_skip * in_pitch + (uint32_t)p->x_skip;
    int8_t *to = plane + (uint32_t)p->y_from * pitch + (uint32_t)p->x_from;
    if (columns == in_pitch && columns == pitch) { /* one line */
        columns *= rows;
        rows = 1;
    }
    for (; columns > 16u; columns -= 16u) {
        for (uint32_t i = 0; i < rows; i++) {
            vstrbq_s8(to + i * pitch, vldrbq_s8(from + i * in_pitch));
        }
        from += 16;
        to += 16;
    }
    const mve_pred16_t left = vctp8q(columns);
    for (; rows > 0; rows--) {
        vstrbq_p_s8(to, vldrbq_z_s8(from, left), left);
        from += in_pitch;
        to += pitch;
    }
}

/* The sums of the outputs whose windows begin at `x`. */
static void kws_mve_sums(const kws_mve_plan *p, kws_mve_parts job, const int8_t *x, const int8_t *weights) {
    for (uint32_t piece = 0, i = 0; piece < p->pieces; piece++) {
        job.x = x + 16u * i;
        kws_mve_lines(&job, weights, p->window.stride_x, piece > 0u);
        weights += 16;
        if (++i == p->across) {
            i = 0;
            x += p->jump;
        }
    }
}

/* One output channel. */
static void kws_mve_channel(const kws_mve_plan *p, const kws_requant *q, uint32_t channel, const int8_t *plane,
                            const int8_t *weights, int8_t *output) {
    const kws_window *w = &p->window;
    int32_t sums[KWS_MVE_SUMS + KWS_MVE_LINE];
    kws_mve_parts job = p->parts;
    job.sums = sums;
    for (uint32_t oy = 0; oy < w->out_height; oy += p->lines) {
        const uint32_t left = w->out_height - oy, lines = left < p->lines ? left : p->lines;
        if (p->width <= KWS_MVE_LINE) {
            job.parts = lines;
        }
        for (uint32_t ox = 0; ox < w->out_width; ox += p->width) { /* the last part of a long line may go beyond it */
            kws_mve_sums(p, job, plane + oy * w->stride_y * p->pitch + ox * w->stride_x, weights);
            const uint32_t across = w->out_width - ox, count = lines * (across < p->width ? across : p->width);
            int8_t *out = output + oy * w->out_width + ox;
            for (uint32_t i = 0; i < count; i += 16u) {
                kws_mve_put(q, channel, sums + i, count - i < 16u ? count - i : 16u, out + i);
            }
        }
    }
}

kws_status kws_mve_depthwise(const kws_depthwise *layer, const kws_mve_plan *plan, const int8_t *input, int8_t *output,
                             void *scratch) {
    const kws_window *w = &layer->window;
    int8_t *plane = (int8_t *)scratch;
    uint8_t *numbers = (uint8_t *)plane + plan->plane;
    int8_t *weights = plane + plan->plane + 16u * plan->pieces, *unpacked = weights + 16u * plan->pieces;
    const uint8_t *code = layer->weights;
    uint32_t channel = 0;
    kws_mve_number_taps(plan, numbers);
    kws_mve_fill((uint8_t *)plane, (uint8_t)w->zero_point, plan->plane);
    for (uint32_t c = 0; c < layer->channels; c++) {
        kws_mve_load(plan, input, plane);
        for (uint32_t m = 0; m < layer->multiplier; m++) {
            kws_mve_lay_taps(plan, numbers, kws_depthwise_taps(layer, &code, unpacked), weights);
            kws_mve_channel(plan, &layer->output, channel, plane, weights, output);
            output += w->out_plane;
            channel++;
        }
        input += w->in_plane;
    }
    return KWS_OK;
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
