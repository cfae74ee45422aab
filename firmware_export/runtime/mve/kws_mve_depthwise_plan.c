/* How a depthwise convolution by vectors is laid out. */
#include "kws_mve_lines.h"

#if KWS_MVE
static uint32_t kws_mve_larger(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

static void kws_mve_swap(uint16_t *a, uint16_t *b) {
    const uint16_t was = *a;
    *a = *b;
    *b = was;
}

/* A plane of one column is one line as well. */
static void kws_mve_turn(kws_window *w) {
    const kws_window was = *w;
    kws_mve_swap(&w->in_height, &w->in_width);
    kws_mve_swap(&w->out_height, &w->out_width);
    w->height = was.width;
    w->width = was.height;
    w->stride_y = was.stride_x;
    w->stride_x = was.stride_y;
    w->dilation_y = was.dilation_x;
    w->dilation_x = was.dilation_y;
    w->first_y = was.first_x;
    w->first_x = was.first_y;
}

/* Parts of lines of outputs, as equal as can be. */
static void kws_mve_part(kws_mve_plan *plan) {
    const kws_window *w = &plan->window;
    plan->width = w->out_width < KWS_MVE_SUMS ? w->out_width : KWS_MVE_SUMS;
    plan->lines = plan->width <= KWS_MVE_LINE ? KWS_MVE_SUMS / plan->width : 1u;
    const uint32_t parts = (plan->width + KWS_MVE_LINE - 1u) / KWS_MVE_LINE, each = (plan->width + parts - 1u) / parts;
    plan->parts.parts = parts;
    plan->parts.skip = 8u * (KWS_MVE_LINE - each);
    plan->parts.x_step = parts == 1u ? w->stride_y * plan->pitch : each * w->stride_x;
    plan->parts.sums_step = (uint32_t)sizeof(int32_t) * each;
}

__attribute__((cold)) int kws_mve_depthwise_plan(const kws_depthwise *layer, uint32_t bytes, kws_mve_plan *plan) {
    const uint32_t taps = (uint32_t)layer->window.height * layer->window.width;
    plan->window = layer->window;
    kws_window *w = &plan->window;
    if (w->in_width == 1 && w->out_width == 1 && w->width == 1) {
        kws_mve_turn(w);
    }
    const uint32_t span_y = (w->height - 1u) * w->dilation_y + 1u, span_x = (w->width - 1u) * w->dilation_x + 1u;
    const uint32_t rows = (w->out_height - 1u) * w->stride_y + span_y;
    const uint32_t columns = (w->out_width - 1u) * w->stride_x + span_x;
    kws_overlap(w->first_y, (int32_t)rows, w->in_height, &plan->y_from, &plan->y_to, &plan->y_skip);
    kws_overlap(w->first_x, (int32_t)columns, w->in_width, &plan->x_from, &plan->x_to, &plan->x_skip);
    /* a line's inputs end before the next one begins, what a window sees behind them is the next one's padding, and no
     * two taps are in one place */
    plan->pitch = kws_mve_larger(columns - (uint32_t)plan->x_from, kws_mve_larger((uint32_t)plan->x_to, span_x));
    kws_mve_part(plan);
    plan->jump = w->dilation_y * plan->pitch;
    plan->across = (span_x + 15u) / 16u;
    plan->pieces = w->height * plan->across;
    const uint32_t together = ((w->height - 1u) * plan->jump + span_x + 15u) / 16u;
    if (together <= plan->pieces) {
        plan->across = plan->pieces = together;
    }
    const uint32_t last = (plan->pieces - 1u) / plan->across * plan->jump + 16u * plan->across;
    const uint32_t chunks = (w->out_width + plan->width - 1u) / plan->width;
    const uint32_t outputs = chunks * plan->width + KWS_MVE_LINE; /* with those that are computed and not meant */
    plan->plane = (rows - span_y) * plan->pitch + (outputs - 1u) * w->stride_x + last;
    plan->plane = kws_mve_larger(plan->plane, rows * plan->pitch + columns);
    const uint32_t unpacked = layer->unpack != NULL ? taps : 0u;
    return w->stride_x <= 2 && taps < 255u && plan->plane + 32u * plan->pieces + unpacked <= bytes;
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
