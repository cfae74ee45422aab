#include "kws_requantize.h"

/* Encoding as in kws_conv_nm.c. */
kws_status kws_fc_nm(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
  if (layer == NULL || input == NULL || output == NULL) {
    return KWS_ERROR_ARGUMENT;
  }
  (void)scratch;
  const uint8_t *code = layer->weights;
  const uint32_t kept = (uint32_t)layer->depth / layer->group * layer->bits;
  for (uint32_t channel = 0; channel < layer->channels; channel++) {
    const uint8_t *places = code + kept;
    int32_t sum = 0;
    uint32_t n = 0;
    for (uint32_t start = 0; start < layer->depth; start += layer->group) {
      for (uint32_t i = layer->bits; i > 0; i--) {
        const uint32_t place = ((uint32_t)places[n >> 1] >> ((n & 1u) * 4u)) & 15u;
        sum += (int8_t)code[n] * input[start + place];
        n++;
      }
    }
    code = places + ((kept + 1) >> 1);
    const kws_scale scale = kws_scale_of(&layer->output, channel);
    output[channel] = kws_requantize(sum, &scale, &layer->output);
  }
  return KWS_OK;
}
