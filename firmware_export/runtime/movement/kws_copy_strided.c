/* Copying numbers from one regular grid of bytes to another: slices, splits, joins and transpositions. */
#include <string.h>

#include "kws_engine.h"

/* Whether a grid lies within a tensor of `bytes`: its corners do. */
static int kws_grid_inside(const uint32_t size[3], const int32_t step[3], int32_t start, uint32_t bytes) {
    int64_t low = start, high = start;
    for (int axis = 0; axis < 3; axis++) {
        const int64_t reach = ((int64_t)size[axis] - 1) * step[axis];
        if (size[axis] == 0) {
            return 0;
        }
        low += reach < 0 ? reach : 0;
        high += reach > 0 ? reach : 0;
    }
    return low >= 0 && high < (int64_t)bytes;
}

static void kws_copy_run(const int8_t *from, int32_t from_step, int8_t *to, int32_t to_step, uint32_t count) {
    if (from_step == 1 && to_step == 1) {
        memcpy(to, from, count);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        to[(int32_t)i * to_step] = from[(int32_t)i * from_step];
    }
}

/* output[out_start + sum of i[a] * out_step[a]] = input[in_start + sum of i[a] * in_step[a]]; no overlap. */
kws_status kws_copy_strided(const kws_copy *layer, const int8_t *input, int8_t *output) {
    if (layer == NULL || input == NULL || output == NULL ||
        !kws_grid_inside(layer->size, layer->in_step, layer->in_start, layer->in_bytes) ||
        !kws_grid_inside(layer->size, layer->out_step, layer->out_start, layer->out_bytes)) {
        return KWS_ERROR_ARGUMENT;
    }
    const int32_t from_step = layer->in_step[2], to_step = layer->out_step[2];
    for (uint32_t i = 0; i < layer->size[0]; i++) {
        const int8_t *from = input + layer->in_start + (int32_t)i * layer->in_step[0];
        int8_t *to = output + layer->out_start + (int32_t)i * layer->out_step[0];
        for (uint32_t j = 0; j < layer->size[1]; j++) {
            kws_copy_run(from + (int32_t)j * layer->in_step[1], from_step, to + (int32_t)j * layer->out_step[1],
                         to_step, layer->size[2]);
        }
    }
    return KWS_OK;
}
