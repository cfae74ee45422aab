/* A row of plain int8 weights against the columns of a block of pixels. */
#ifndef KWS_DENSE_ROW_H
#define KWS_DENSE_ROW_H

#include "kws_lanes.h"

#define KWS_SEGMENT 256u /* weights after which a lane could overflow: 256 * 127 * 128 < 2^22 */

#define KWS_DENSE_STEP                    \
  "ldrsb %[w], [%[weights]], #1\n\t"      \
  "ldrd %[a], %[b], [%[row]], #8\n\t"     \
  "smlal %[l0], %[h0], %[a], %[w]\n\t"    \
  "smlal %[l1], %[h1], %[b], %[w]\n\t"    \
  "ldrd %[a], %[b], [%[row]], #8\n\t"     \
  "smlal %[l2], %[h2], %[a], %[w]\n\t"    \
  "smlal %[l3], %[h3], %[b], %[w]\n\t"

/* Sums of one segment, depth <= KWS_SEGMENT. */
static inline void kws_dense_segment(kws_sums *sums, const int8_t *weights, uint32_t depth, const kws_lane *row) {
  const int8_t *end = weights + depth;
  for (uint32_t odd = depth & 3u; odd > 0; odd--) {
    kws_accumulate(sums, row, *weights++);
    row += KWS_LANES;
  }
#if KWS_THUMB2
  if (weights != end) {
    int32_t a, b, w;
    __asm__(
        "1:\n\t" KWS_DENSE_STEP KWS_DENSE_STEP KWS_DENSE_STEP KWS_DENSE_STEP
        "cmp %[weights], %[end]\n\t"
        "bne 1b"
        : KWS_SUM_OPERANDS(sums), [a] "=&r"(a), [b] "=&r"(b), [w] "=&r"(w), [row] "+r"(row), [weights] "+r"(weights)
        : [end] "r"(end)
        : "memory", "cc");
  }
#else
  while (weights != end) {
    kws_accumulate(sums, row, *weights++);
    row += KWS_LANES;
  }
#endif
}

/* One output channel of a block: all segments, requantised and stored. */
static inline void kws_dense_row(const kws_conv *layer, uint32_t channel, const int8_t *weights,
                                 const kws_lane *columns, int8_t *out, uint32_t count) {
  kws_sums sums = {0, 0, 0, 0, 0, 0, 0, 0};
  uint32_t depth = layer->depth;
  if (depth <= KWS_SEGMENT) {
    kws_dense_segment(&sums, weights, depth, columns);
    kws_store(&layer->output, channel, &sums, out, count);
    return;
  }
  int32_t total[KWS_BLOCK] = {0, 0, 0, 0, 0, 0, 0, 0};
  while (depth > 0) {
    const uint32_t part = depth < KWS_SEGMENT ? depth : KWS_SEGMENT;
    const kws_sums none = {0, 0, 0, 0, 0, 0, 0, 0};
    int32_t sum[KWS_BLOCK];
    sums = none;
    kws_dense_segment(&sums, weights, part, columns);
    kws_spread(&sums, sum);
    for (uint32_t i = 0; i < KWS_BLOCK; i++) {
      total[i] += sum[i];
    }
    weights += part;
    columns += part * KWS_LANES;
    depth -= part;
  }
  const kws_scale scale = kws_scale_of(&layer->output, channel);
  for (uint32_t i = 0; i < count; i++) {
    out[i] = kws_requantize(total[i], &scale, &layer->output);
  }
}

#endif /* KWS_DENSE_ROW_H */
