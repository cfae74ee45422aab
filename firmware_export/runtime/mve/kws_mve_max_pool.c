/* Max pooling by vectors: eight channels at once, each from its own plane. */
#include "kws_mve_pool.h"

#if KWS_MVE
void kws_mve_max_pool(const kws_pool *layer, const kws_pool_view *v, const int8_t *x, int8_t *output) {
    const kws_window *w = &layer->window;
    const uint16x8_t number = vidupq_n_u16(0, 1);
    const uint16x8_t in = vmulq_n_u16(number, w->in_plane), out = vmulq_n_u16(number, w->out_plane);
    for (int32_t left = layer->channels; left > 0; left -= 8) {
        const mve_pred16_t there = vctp16q((uint32_t)left);
        int16x8_t best = vdupq_n_s16(layer->minimum);
        const int8_t *line = x;
        for (int32_t rows = v->rows; rows > 0; rows--) {
            for (int32_t i = 0; i < v->columns; i++) {
                best = vmaxq_s16(best, vldrbq_gather_offset_z_s16(line + i, in, there));
            }
            line += v->pitch;
        }
        best = vminq_s16(best, vdupq_n_s16(layer->maximum));
        vstrbq_scatter_offset_p_s16(output, out, best, there);
        x += 8u * w->in_plane;
        output += 8u * w->out_plane;
    }
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
