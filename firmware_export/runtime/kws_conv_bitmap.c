#include "kws_bitmap.h"
#include "kws_lanes.h"

/* The weights of one map, 32 places from `row` on; returns where the code goes on. */
static inline const uint8_t *kws_bitmap_word(kws_sums *sums, uint32_t map, const uint8_t *code, const kws_lane *row) {
#if KWS_THUMB2
  if (map != 0) {
    int32_t a, b, w;
    __asm__(
        "1:\n\t"
        "clz %[w], %[map]\n\t"
        "add %[row], %[row], %[w], lsl #4\n\t"
        "lsl %[map], %[map], %[w]\n\t"
        "lsls %[map], %[map], #1\n\t"
        "ldrsb %[w], [%[code]], #1\n\t"
        "ldrd %[a], %[b], [%[row]], #8\n\t"
        "smlal %[l0], %[h0], %[a], %[w]\n\t"
        "smlal %[l1], %[h1], %[b], %[w]\n\t"
        "ldrd %[a], %[b], [%[row]], #8\n\t"
        "smlal %[l2], %[h2], %[a], %[w]\n\t"
        "smlal %[l3], %[h3], %[b], %[w]\n\t"
        "bne 1b"
        : KWS_SUM_OPERANDS(sums), [a] "=&r"(a), [b] "=&r"(b), [w] "=&r"(w), [row] "+r"(row), [code] "+r"(code),
          [map] "+r"(map)
        :
        : "memory", "cc");
  }
#else
  while (map != 0) {
    const uint32_t gap = kws_leading_zeros(map);
    row += gap * KWS_LANES;
    map <<= gap;
    map <<= 1;
    kws_accumulate(sums, row, (int8_t)*code++);
    row += KWS_LANES;
  }
#endif
  return code;
}

/* Bitmap: each 32 weights of a row are four bytes, first weight in the most significant bit (1: not zero), big-endian,
 * followed by the weights that are not zero. */
kws_status kws_conv_bitmap(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
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
      const kws_lane *word = columns;
      for (uint32_t done = 0; done < layer->depth; done += 32) {
        const uint32_t map = kws_read_map(&code);
        code = kws_bitmap_word(&sums, map, code, word);
        word += 32 * KWS_LANES;
      }
      kws_store(&layer->output, channel, &sums, out, count);
      out += plane;
    }
  }
  return KWS_OK;
}
