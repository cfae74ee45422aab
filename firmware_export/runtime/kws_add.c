#include "kws_requantize.h"

static int32_t kws_sum(const kws_elementwise *e, int32_t a, int32_t b) {
  const int32_t x = kws_rescale((a - e->a_zero) * (1 << 20), e->a_multiplier, e->a_shift);
  const int32_t y = kws_rescale((b - e->b_zero) * (1 << 20), e->b_multiplier, e->b_shift);
  return kws_rescale(x + y, e->out_multiplier, e->out_shift) + e->out_zero;
}

/* Both inputs are scaled up by 2^20 and brought to a common scale before they are added. */
kws_status kws_add(const kws_elementwise *layer, const int8_t *a, const int8_t *b, int8_t *output) {
  if (layer == NULL || a == NULL || b == NULL || output == NULL) {
    return KWS_ERROR_ARGUMENT;
  }
  for (uint32_t c = 0; c < layer->channels; c++) {
    int8_t *out = output + c * layer->out_plane;
    for (uint32_t row = 0; row < layer->height; row++) {
      const int8_t *x = a + c * layer->a_channel + row * layer->a_row;
      const int8_t *y = b + c * layer->b_channel + row * layer->b_row;
      for (uint32_t left = layer->width; left > 0; left--) {
        *out++ = (int8_t)kws_clip(kws_sum(layer, *x, *y), layer->minimum, layer->maximum);
        x += layer->a_column;
        y += layer->b_column;
      }
    }
  }
  return KWS_OK;
}
