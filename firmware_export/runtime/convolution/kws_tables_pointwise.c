/* The tables of sums of a 1x1 window with stride 1, straight from the input, for kws_conv_planes. */
#include "kws_lanes.h"
#include "kws_planes.h"

#if !KWS_MVE
/* Sums of the pixels pixel..pixel+7 of every four channels; pixels and channels that are not there are zeros. */
void kws_tables_pointwise(const kws_conv *layer, const int8_t *input, uint32_t pixel, void *tables) {
    const uint32_t plane = layer->window.in_plane, depth = layer->depth, count = kws_block_count(plane, pixel);
    const uint32_t whole = count == KWS_BLOCK ? depth & ~7u : 0;
    const int8_t *x = input + pixel;
    kws_planes_tables(x, plane, whole / KWS_GROUP, (uint32_t *)tables);
    x += whole * plane;
    for (uint32_t first = whole; first < depth; first += 8) {
        uint32_t words[2 * KWS_BLOCK] = {0};
        int8_t *rest = (int8_t *)words;
        for (uint32_t channel = first; channel < first + 8u && channel < depth; channel++) {
            for (uint32_t i = 0; i < count; i++) {
                rest[i] = x[i];
            }
            rest += KWS_BLOCK;
            x += plane;
        }
        kws_planes_tables((const int8_t *)words, KWS_BLOCK, 2,
                          (uint32_t *)tables + first / KWS_GROUP * KWS_TABLE_WORDS);
    }
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
