/* Where the windows of sixteen pixels begin. */
#include "kws_mve_window.h"

#if KWS_MVE
void kws_mve_find_origins(const kws_window *w, uint32_t pixel, kws_mve_origins *from) {
    const uint32_t pixels = (uint32_t)w->out_height * w->out_width;
    uint32_t oy = pixel / w->out_width, ox = pixel % w->out_width;
    from->count = kws_mve_count(w->out_plane, pixel);
    for (uint32_t i = 0; i < from->count; i++) {
        from->y[i] = w->first_y + (int32_t)(oy * w->stride_y);
        from->x[i] = w->first_x + (int32_t)(ox * w->stride_x);
        from->place[i] = from->y[i] * w->in_width + from->x[i];
        if (pixel + i + 1u < pixels && ++ox == w->out_width) {
            ox = 0;
            oy++;
        }
    }
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
