#include "kws_lanes.h"

/* N:M: of each M = `group` neighbouring weights at most N = `bits` are not zero. A row is depth / M groups of N weights
 * each, N <= M <= 16 and depth a multiple of M, then their places within the group, four bits each, two a byte, lower
 * half first, padded to a byte. */
kws_status kws_conv_nm(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
  if (layer == NULL || input == NULL || output == NULL || scratch == NULL) {
    return KWS_ERROR_ARGUMENT;
  }
  const kws_lane *columns = (const kws_lane *)scratch;
  const uint32_t plane = layer->window.out_plane;
  for (uint32_t pixel = 0; pixel < plane; pixel += KWS_BLOCK) {
    const uint32_t count = kws_block_count(plane, pixel);
    layer->gather(layer, input, pixel, scratch);
    const uint8_t *code = layer->weights;
    const uint32_t kept = (uint32_t)layer->depth / layer->group * layer->bits;
    int8_t *out = output + pixel;
    for (uint32_t channel = 0; channel < layer->channels; channel++) {
      kws_sums sums = {0, 0, 0, 0, 0, 0, 0, 0};
      const uint8_t *places = code + kept;
      const kws_lane *group = columns;
      uint32_t n = 0;
      for (uint32_t start = 0; start < layer->depth; start += layer->group) {
        for (uint32_t i = layer->bits; i > 0; i--) {
          const uint32_t place = ((uint32_t)places[n >> 1] >> ((n & 1u) * 4u)) & 15u;
          kws_accumulate(&sums, group + place * KWS_LANES, (int8_t)code[n]);
          n++;
        }
        group += (uint32_t)layer->group * KWS_LANES;
      }
      code = places + ((kept + 1) >> 1);
      kws_store(&layer->output, channel, &sums, out, count);
      out += plane;
    }
  }
  return KWS_OK;
}
