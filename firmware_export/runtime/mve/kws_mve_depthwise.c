/* Depthwise convolution by vectors. */
#include "kws_mve_lines.h"

#if KWS_MVE
#define KWS_MVE_NO_TAP 255u

static void kws_mve_fill(uint8_t *to, uint8_t value, uint32_t bytes) {
    __asm__ volatile("vdup.8 q0, %[value]\n\t"
                     "dlstp.8 lr, %[bytes]\n"
                     "1:\n\t"
                     "vstrb.8 q0, [%[to]], #16\n\t"
                     "letp lr, 1b"
                     : [to] "+r"(to)
                     : [value] "r"(value), [bytes] "r"(bytes)
                     : "lr", "d0", "d1", "memory");
}

/* Which tap is where in the pieces. */
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
    const uint32_t count = (uint32_t)p->window.height * p->window.width;
    __asm__ volatile("vdup.8 q2, %[count]\n\t" /* GCC 12 moves predicates to and fro */
                     "dls lr, %[pieces]\n"
                     "1:\n\t"
                     "vldrb.8 q0, [%[numbers]], #16\n\t"
                     "vpt.u8 hi, q2, q0\n\t"
                     "vldrbt.8 q1, [%[taps], q0]\n\t" /* zero where there is no tap */
                     "vstrb.8 q1, [%[weights]], #16\n\t"
                     "le lr, 1b"
                     : [numbers] "+r"(numbers), [weights] "+r"(weights)
                     : [count] "r"(count), [pieces] "r"(p->pieces), [taps] "r"(taps)
                     : "lr", "d0", "d1", "d2", "d3", "d4", "d5", "p0", "memory");
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
    if (rows > 0) { /* GCC 12 predicates each of the two by itself */
        __asm__ volatile("vctp.8 %[columns]\n\t"
                         "dls lr, %[rows]\n"
                         "1:\n\t"
                         "vpstt\n\t"
                         "vldrbt.u8 q0, [%[from]]\n\t"
                         "vstrbt.8 q0, [%[to]]\n\t"
                         "add %[from], %[from], %[in_pitch]\n\t"
                         "add %[to], %[to], %[pitch]\n\t"
                         "le lr, 1b"
                         : [from] "+r"(from), [to] "+r"(to)
                         : [columns] "r"(columns), [rows] "r"(rows), [in_pitch] "r"(in_pitch), [pitch] "r"(pitch)
                         : "lr", "d0", "d1", "p0", "memory");
    }
}

/* The sums of the outputs whose windows begin at `x`. */
static inline void kws_mve_sums(const kws_mve_plan *p, kws_mve_parts *job, const int8_t *x, const int8_t *weights) {
    for (uint32_t piece = 0, i = 0; piece < p->pieces; piece++) {
        job->x = x + 16u * i;
        kws_mve_lines(job, weights, p->window.stride_x, piece > 0u);
        weights += 16;
        if (++i == p->across) {
            i = 0;
            x += p->jump;
        }
    }
}

/* Requantises and stores `count` sums, at least one. */
static inline void kws_mve_put_all(const kws_requant *q, uint32_t channel, kws_mve_scale scale, const int32_t *sums,
                                   uint32_t count, int8_t *output) {
    if (scale.shift >= 0) {
        kws_mve_put_any(q, channel, sums, count, output);
        return;
    }
    const int32_t *const end = sums + count;
    do {
        kws_mve_put_short(q, scale, sums, (uint32_t)(end - sums), output); /* all, where there are more than sixteen */
        output += 16;
        sums += 16;
    } while (sums < end);
}

/* One output channel. */
static void kws_mve_channel(const kws_mve_plan *p, const kws_requant *q, uint32_t channel, const int8_t *x,
                            const int8_t *weights, int8_t *output) {
    int32_t sums[KWS_MVE_SUMS + KWS_MVE_LINE];
    const kws_window *w = &p->window;
    const kws_mve_scale scale = kws_mve_scale_of(q, channel);
    const uint32_t down = p->lines * w->stride_y * p->pitch, across = p->width * w->stride_x;
    kws_mve_parts job = p->parts;
    job.sums = sums;
    for (uint32_t left = w->out_height; left > 0;) {
        const uint32_t lines = left < p->lines ? left : p->lines;
        const int8_t *line = x;
        job.parts = p->width <= KWS_MVE_LINE ? lines : job.parts;
        for (uint32_t beyond = w->out_width; beyond > 0;) { /* the last part of a long line may go beyond it */
            const uint32_t width = beyond < p->width ? beyond : p->width;
            kws_mve_sums(p, &job, line, weights);
            kws_mve_put_all(q, channel, scale, sums, lines * width, output);
            output += lines * width;
            line += across;
            beyond -= width;
        }
        x += down;
        left -= lines;
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
