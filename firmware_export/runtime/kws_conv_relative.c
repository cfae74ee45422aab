#include "kws_lanes.h"

/* One row; returns where the next one begins. */
static inline const uint8_t *kws_relative_row(kws_sums *sums, const uint8_t *code, const kws_lane *row) {
  uint32_t steps = *code++;
#if KWS_THUMB2
  int32_t a, b, w;
  __asm__(
      "cbz %[steps], 2f\n"
      "1:\n\t"
      "and %[w], %[steps], #15\n\t"
      "add %[row], %[row], %[w], lsl #4\n\t"
      "ldrsb %[w], [%[code]], #1\n\t"
      "ldrd %[a], %[b], [%[row]]\n\t"
      "smlal %[l0], %[h0], %[a], %[w]\n\t"
      "smlal %[l1], %[h1], %[b], %[w]\n\t"
      "ldrd %[a], %[b], [%[row], #8]\n\t"
      "smlal %[l2], %[h2], %[a], %[w]\n\t"
      "smlal %[l3], %[h3], %[b], %[w]\n\t"
      "bic %[steps], %[steps], #15\n\t"
      "add %[row], %[row], %[steps]\n\t"
      "ldrsb %[w], [%[code]], #1\n\t"
      "ldrd %[a], %[b], [%[row]]\n\t"
      "smlal %[l0], %[h0], %[a], %[w]\n\t"
      "smlal %[l1], %[h1], %[b], %[w]\n\t"
      "ldrd %[a], %[b], [%[row], #8]\n\t"
      "ldrb %[steps], [%[code]], #1\n\t"
      "smlal %[l2], %[h2], %[a], %[w]\n\t"
      "smlal %[l3], %[h3], %[b], %[w]\n\t"
      "cmp %[steps], #0\n\t"
      "bne 1b\n"
      "2:"
      : KWS_SUM_OPERANDS(sums), [a] "=&r"(a), [b] "=&r"(b), [w] "=&r"(w), [row] "+r"(row), [code] "+r"(code),
        [steps] "+l"(steps)
      :
      : "memory", "cc");
#else
  while (steps != 0) {
    row += (steps & 15u) * KWS_LANES;
    kws_accumulate(sums, row, (int8_t)code[0]);
    row += (steps >> 4) * KWS_LANES;
    kws_accumulate(sums, row, (int8_t)code[1]);
    steps = code[2];
    code += 3;
  }
#endif
  return code;
}

/* 4-bit relative index: a row is groups of two non-zero weights, {steps, w0, w1}, ended by a zero byte. The lower half
 * of `steps` is how far w0 stands behind the place before it (the row begins at 0), the upper half the same for w1.
 * Longer gaps are bridged by weights that are zero. */
kws_status kws_conv_relative(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
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
      code = kws_relative_row(&sums, code, columns);
      kws_store(&layer->output, channel, &sums, out, count);
      out += plane;
    }
  }
  return KWS_OK;
}
