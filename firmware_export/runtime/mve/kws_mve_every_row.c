/* Rows of int8 weights, two by two, against a block of pixels, requantised and stored. */
#include "kws_mve_columns.h"

#if KWS_MVE
void kws_mve_every_row(const kws_conv *layer, kws_mve_next_row next, int8_t *const buffers[2], const int8_t *columns,
                       int8_t *output, uint32_t count) {
    int32_t sums[2u * KWS_MVE_BLOCK];
    const uint32_t depth = layer->depth, plane = layer->window.out_plane;
    const uint8_t *code = layer->weights;
    kws_mve_rows job = {{NULL, NULL}, depth / 16u, depth % 16u, columns, columns + depth * ((count + 3u) & ~3u), sums};
    const uint32_t pairs = next == NULL || buffers[1] != NULL ? layer->channels : 0u;
    for (uint32_t channel = 0; channel < layer->channels; channel++) {
        const uint32_t second = channel + 1u < pairs ? channel + 1u : channel; /* alone, a row is multiplied twice */
        if (next != NULL) {
            job.rows[0] = job.rows[1] = next(layer, &code, buffers[0]);
            if (second != channel) {
                job.rows[1] = next(layer, &code, buffers[1]);
            }
        } else {
            job.rows[0] = (const int8_t *)layer->weights + channel * depth;
            job.rows[1] = (const int8_t *)layer->weights + second * depth;
        }
        kws_mve_two_rows(&job);
        kws_mve_put(&layer->output, channel, sums, count, output);
        output += plane;
        if (second != channel) {
            kws_mve_put(&layer->output, second, sums + KWS_MVE_BLOCK, count, output);
            output += plane;
        }
        channel = second;
    }
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
