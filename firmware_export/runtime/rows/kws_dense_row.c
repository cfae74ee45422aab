/* One row of int8 weights against eight pixels, in C. */
#include "kws_dense_row.h"

void kws_dense_row(const kws_conv *layer, uint32_t channel, const int8_t *weights, const kws_lane *columns, int8_t *out,
                   uint32_t count) {
    uint32_t depth = layer->depth;
    int32_t total[KWS_BLOCK] = {0, 0, 0, 0, 0, 0, 0, 0};
    while (depth > 0) {
        const uint32_t part = depth < KWS_SEGMENT ? depth : KWS_SEGMENT;
        kws_sums sums = {0, 0, 0, 0, 0, 0, 0, 0};
        int32_t sum[KWS_BLOCK];
        for (uint32_t left = part; left > 0; left--) {
            kws_accumulate(&sums, columns, *weights++);
            columns += KWS_LANES;
        }
        kws_spread(&sums, sum);
        for (uint32_t i = 0; i < KWS_BLOCK; i++) {
            total[i] += sum[i];
        }
        depth -= part;
    }
    const kws_scale scale = kws_scale_of(&layer->output, channel);
    for (uint32_t i = 0; i < count; i++) {
        out[i] = kws_requantize(total[i], &scale, &layer->output);
    }
}
