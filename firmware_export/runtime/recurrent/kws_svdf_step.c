/* SVDF: each filter's product with the newest input joins its memory, and the memory's with its weights in time. */
#include "kws_dot.h"
#include "kws_shapes.h"

static int32_t kws_limited(int32_t x, int32_t limit) {
    return kws_clip(x, -limit - 1, limit);
}

/* The filter's weights in time times its memory. */
static int32_t kws_svdf_time(const kws_svdf *layer, const int8_t *state, uint32_t filter) {
    const uint32_t first = filter * layer->memory;
    int32_t sum = 0;
    if (layer->wide) {
        const int16_t *weights = (const int16_t *)layer->time + first;
        const int16_t *memory = (const int16_t *)(const void *)state + first;
        for (uint32_t i = 0; i < layer->memory; i++) {
            sum += weights[i] * memory[i];
        }
        return sum;
    }
    const int8_t *weights = (const int8_t *)layer->time + first;
    for (uint32_t i = 0; i < layer->memory; i++) {
        sum += weights[i] * (state[first + i] - layer->state_zero);
    }
    return sum;
}

kws_status kws_svdf_step(const kws_svdf *layer, const int8_t *input, int8_t *state, int8_t *output) {
    if (layer == NULL || input == NULL || state == NULL || output == NULL || layer->memory == 0 || layer->rank == 0 ||
        layer->filters % layer->rank != 0 || (layer->wide && ((uintptr_t)state & 1u) != 0)) {
        return KWS_ERROR_ARGUMENT;
    }
    const uint32_t item = layer->wide ? sizeof(int16_t) : 1;
    const uint32_t filters = layer->filters;
    memmove(state, state + item, item * (filters * layer->memory - 1));
    const int8_t *row = layer->feature;
    int16_t *newest = (int16_t *)(void *)state + layer->memory - 1;
    int8_t *newest_byte = state + layer->memory - 1;
    for (uint32_t filter = 0; filter < filters; filter++) {
        const int32_t sum = layer->offset[filter] + kws_dot(row, input, layer->inputs);
        const int32_t scaled = kws_rescale(sum, layer->feature_multiplier, layer->feature_shift);
        if (layer->wide) {
            newest[filter * layer->memory] = (int16_t)kws_limited(scaled, 32767);
        } else { /* a zero point added behind the limit wraps around, as TFLM's does until October 2026 at least */
            newest_byte[filter * layer->memory] = (int8_t)(kws_limited(scaled, 127) + layer->state_zero);
        }
        row += layer->inputs;
    }
    uint32_t filter = 0;
    for (uint32_t unit = 0; unit < filters / layer->rank; unit++) {
        int32_t sum = layer->bias[unit];
        for (uint32_t i = 0; i < layer->rank; i++) {
            sum += kws_svdf_time(layer, state, filter++);
        }
        const int32_t scaled = kws_rescale(sum, layer->time_multiplier, layer->time_shift);
        output[unit] = (int8_t)kws_limited(scaled + layer->zero_point, 127);
    }
    return KWS_OK;
}
