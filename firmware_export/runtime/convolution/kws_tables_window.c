/* The tables of sums of any window, for kws_conv_planes. */
#include "kws_planes.h"
#include "kws_window_bytes.h"

#if !KWS_MVE
/* Sums of every four inputs of the windows of pixels pixel..pixel+7. */
void kws_tables_window(const kws_conv *layer, const int8_t *input, uint32_t pixel, void *tables) {
    const uint32_t tabled = KWS_TABLES(layer->depth);
    int8_t *bytes = (int8_t *)(kws_planes_scales(layer, tables) + layer->channels);
    for (uint32_t i = layer->depth * KWS_BLOCK; i < tabled * KWS_GROUP * KWS_BLOCK; i++) {
        bytes[i] = 0;
    }
    kws_window_bytes(layer, input, pixel, bytes);
    kws_planes_tables(bytes, KWS_BLOCK, tabled, (uint32_t *)tables);
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
