/* Numbers of 16 bits at a model's ends: to int8, or to int32. */
#include <string.h>

#include "kws_requantize.h"

/* clip(rescale(x - in_zero) + out_zero) of int16 numbers, stored as int8 or int32. */
kws_status kws_rescale_wide(const kws_wide *layer, const int8_t *input, int8_t *output) {
    if (layer == NULL || input == NULL || output == NULL || (layer->out_bytes != 1 && layer->out_bytes != 4)) {
        return KWS_ERROR_ARGUMENT;
    }
    for (uint32_t i = 0; i < layer->count; i++) {
        int16_t x;
        memcpy(&x, input + 2 * i, sizeof x);
        const int32_t scaled = kws_rescale(x - layer->in_zero, layer->multiplier, layer->shift) + layer->out_zero;
        if (layer->out_bytes == 1) {
            output[i] = (int8_t)kws_clip(scaled, -128, 127);
        } else {
            memcpy(output + 4 * i, &scaled, sizeof scaled);
        }
    }
    return KWS_OK;
}
