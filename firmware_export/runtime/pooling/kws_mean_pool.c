/* The mean over rows, columns or both. */
#include "kws_dot.h"
#include "kws_shapes.h"

/* The sum of numbers that are one behind the other. */
static int32_t kws_sum_run(const int8_t *x, uint32_t count) {
#if KWS_MVE
    return kws_mve_sum(x, count);
#else
    int32_t sum = 0;
#if KWS_DSP
    for (; count >= 4; count -= 4) {
        uint32_t word;
        memcpy(&word, x, 4);
        sum = kws_dot4(word, 0x01010101u, sum);
        x += 4;
    }
#endif
    for (; count > 0; count--) {
        sum += *x++;
    }
    return sum;
#endif
}

/* Mean over rows and/or columns, rescaled in fixed point. */
kws_status kws_mean_pool(const kws_mean *layer, const int8_t *input, int8_t *output) {
    if (layer == NULL || input == NULL || output == NULL ||
        !kws_plane_holds(layer->height, layer->width, layer->in_plane) ||
        !kws_plane_holds(layer->over_y ? 1u : layer->height, layer->over_x ? 1u : layer->width, layer->out_plane)) {
        return KWS_ERROR_ARGUMENT;
    }
    const uint32_t rows = layer->over_y ? 1u : layer->height;
    const uint32_t columns = layer->over_x ? 1u : layer->width;
    const uint32_t sum_rows = layer->over_y ? layer->height : 1u;
    const uint32_t sum_columns = layer->over_x ? layer->width : 1u;
    if (rows * columns == 1) { /* each plane is one run */
        for (uint32_t c = 0; c < layer->channels; c++) {
            const int32_t sum = kws_sum_run(input, sum_rows * sum_columns) - layer->offset;
            const int32_t mean = kws_rescale(sum, layer->multiplier, layer->shift) + layer->zero_point;
            *output = (int8_t)kws_clip(mean, -128, 127);
            input += layer->in_plane;
            output += layer->out_plane;
        }
        return KWS_OK;
    }
    for (uint32_t c = 0; c < layer->channels; c++) {
        int8_t *out = output;
        for (uint32_t y = 0; y < rows; y++) {
            for (uint32_t x = 0; x < columns; x++) {
                int32_t sum = -layer->offset;
                for (uint32_t i = 0; i < sum_rows; i++) {
                    const int8_t *in = input + (y + i) * layer->width + x;
                    for (uint32_t left = sum_columns; left > 0; left--) {
                        sum += *in++;
                    }
                }
                const int32_t mean = kws_rescale(sum, layer->multiplier, layer->shift) + layer->zero_point;
                *out++ = (int8_t)kws_clip(mean, -128, 127);
            }
        }
        input += layer->in_plane;
        output += layer->out_plane;
    }
    return KWS_OK;
}
