/* One row of planes of signs against eight pixels, in C. */
#include "kws_planes.h"

/* As many planes at once as their sums fit 16 bits. */
const uint8_t *kws_planes_row(const kws_conv *layer, uint32_t channel, const uint32_t *tables, const uint8_t *code,
                              int8_t *output, uint32_t count) {
    int32_t total[KWS_BLOCK] = {0, 0, 0, 0, 0, 0, 0, 0};
    uint32_t size[2] = {KWS_TABLES(layer->depth) / 2u, 0};
    for (uint32_t left = layer->bits; left > 0; left -= size[1]) {
        uint32_t sums[KWS_PAIRS];
        size[1] = left;
        while (size[1] > 1 && ((1u << size[1]) - 1u) * layer->depth > 255u) {
            size[1]--;
        }
        code = kws_planes_sum(tables, code, size, sums);
        const int32_t weight = (int32_t)layer->group << (left - size[1]);
        for (uint32_t pair = 0; pair < KWS_PAIRS; pair++) {
            total[KWS_LOWER_PIXEL(pair)] += weight * (int16_t)(uint16_t)sums[pair];
            total[KWS_UPPER_PIXEL(pair)] += weight * kws_upper_half(sums[pair]);
        }
    }
    const kws_scale scale = kws_scale_of(&layer->output, channel);
    for (uint32_t i = 0; i < count; i++) {
        output[i] = kws_requantize(total[i], &scale, &layer->output);
    }
    return code;
}
