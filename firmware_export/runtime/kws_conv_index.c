#include "kws_lanes.h"

/* Index list: a row is its number of non-zero weights, then {place, weight} for each. Rows of at most 256 weights;
 * the number is one less than 256 at most. */
kws_status kws_conv_index(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
  if (layer == NULL || input == NULL || output == NULL || scratch == NULL) {
    return KWS_ERROR_ARGUMENT;
  }
  const kws_lane *columns = (const kws_lane *)scratch;
  const uint32_t plane = layer->window.out_plane;
  for (uint32_t pixel = 0; pixel < plane; pixel += KWS_BLOCK) {
    const uint32_t count = kws_block_count(plane, pixel);
    layer->gather(layer, input, pixel, scratch);
    const uint8_t *code = layer->weights;
    int8_t *out = output + pixel;
    for (uint32_t channel = 0; channel < layer->channels; channel++) {
      kws_sums sums = {0, 0, 0, 0, 0, 0, 0, 0};
      for (uint32_t left = *code++; left > 0; left--) {
        kws_accumulate(&sums, columns + (uint32_t)code[0] * KWS_LANES, (int8_t)code[1]);
        code += 2;
      }
      kws_store(&layer->output, channel, &sums, out, count);
      out += plane;
    }
  }
  return KWS_OK;
}
