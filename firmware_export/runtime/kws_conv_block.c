#include "kws_lanes.h"

/* Blocks of four neighbouring weights: a row is its number of blocks that are not all zero, then {number of the block,
 * w0, w1, w2, w3} for each. Rows of at most 1020 weights, a multiple of four. */
kws_status kws_conv_block(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
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
        const kws_lane *row = columns + (uint32_t)code[0] * 4 * KWS_LANES;
        kws_accumulate(&sums, row, (int8_t)code[1]);
        kws_accumulate(&sums, row + KWS_LANES, (int8_t)code[2]);
        kws_accumulate(&sums, row + 2 * KWS_LANES, (int8_t)code[3]);
        kws_accumulate(&sums, row + 3 * KWS_LANES, (int8_t)code[4]);
        code += 5;
      }
      kws_store(&layer->output, channel, &sums, out, count);
      out += plane;
    }
  }
  return KWS_OK;
}
