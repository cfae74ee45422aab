#include "kws_requantize.h"

static int32_t kws_product(const kws_elementwise *e, int32_t a, int32_t b) {
  return kws_rescale((a - e->a_zero) * (b - e->b_zero), e->out_multiplier, e->out_shift) + e->out_zero;
}

/* out = a * b, rescaled. */
kws_status kws_multiply(const kws_elementwise *layer, const int8_t *a, const int8_t *b, int8_t *output) {
  if (layer == NULL || a == NULL || b == NULL || output == NULL) {
    return KWS_ERROR_ARGUMENT;
  }
  for (uint32_t c = 0; c < layer->channels; c++) {
    int8_t *out = output + c * layer->out_plane;
    for (uint32_t row = 0; row < layer->height; row++) {
      const int8_t *x = a + c * layer->a_channel + row * layer->a_row;
      const int8_t *y = b + c * layer->b_channel + row * layer->b_row;
      for (uint32_t left = layer->width; left > 0; left--) {
        *out++ = (int8_t)kws_clip(kws_product(layer, *x, *y), layer->minimum, layer->maximum);
        x += layer->a_column;
        y += layer->b_column;
      }
    }
  }
  return KWS_OK;
}
