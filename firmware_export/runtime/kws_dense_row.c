#include "kws_dense_row.h"

#include "kws_thumb2.h"

#if KWS_THUMB2
#define KWS_DENSE_STEP "ldrsb r12, [r1], #1\n\t" KWS_ROW_MAC_NEXT

KWS_NAKED static const uint8_t *kws_dense_short(const kws_lane *columns, const uint8_t *code, const kws_row *row,
                                                int8_t *output) {
  (void)columns, (void)code, (void)row, (void)output;
  __asm__(KWS_ROW_ENTER
          "ldr lr, [r2, #20]\n\t" /* depth; steps of one, then of four */
          "add lr, lr, r1\n\t"
          "sub r12, lr, r1\n\t"
          "ands r12, r12, #3\n\t"
          "beq 2f\n"
          "1:\n\t"
          "push {r12}\n\t" KWS_DENSE_STEP
          "pop {r12}\n\t"
          "subs r12, r12, #1\n\t"
          "bne 1b\n"
          "2:\n\t"
          "cmp r1, lr\n\t"
          "beq 4f\n"
          "3:\n\t" KWS_DENSE_STEP KWS_DENSE_STEP KWS_DENSE_STEP KWS_DENSE_STEP
          "cmp r1, lr\n\t"
          "bne 3b\n"
          "4:\n\t" KWS_ROW_LEAVE);
}
#endif

void kws_dense_row(const kws_conv *layer, uint32_t channel, const int8_t *weights, const kws_lane *columns, int8_t *out,
                   uint32_t count) {
  uint32_t depth = layer->depth;
#if KWS_THUMB2
  if (layer->output.plain && depth <= KWS_SEGMENT) {
    kws_call_row(kws_dense_short, layer, channel, (const uint8_t *)weights, columns, out, count);
    return;
  }
#endif
  int32_t total[KWS_BLOCK] = {0, 0, 0, 0, 0, 0, 0, 0};
  while (depth > 0) {
    const uint32_t part = depth < KWS_SEGMENT ? depth : KWS_SEGMENT;
    kws_sums sums = {0, 0, 0, 0, 0, 0, 0, 0};
    int32_t sum[KWS_BLOCK];
    for (uint32_t left = part; left > 0; left--) {
      kws_accumulate(&sums, columns, *weights++);
      columns += KWS_LANES;
    }
    kws_spread(&sums, sum);
    for (uint32_t i = 0; i < KWS_BLOCK; i++) {
      total[i] += sum[i];
    }
    depth -= part;
  }
  const kws_scale scale = kws_scale_of(&layer->output, channel);
  for (uint32_t i = 0; i < count; i++) {
    out[i] = kws_requantize(total[i], &scale, &layer->output);
  }
}
