#include "kws_lanes.h"

void kws_store_any(const kws_requant *q, uint32_t channel, const kws_sums *s, int8_t *output, uint32_t count) {
  const kws_scale scale = kws_scale_of(q, channel);
  int32_t sum[KWS_BLOCK];
  kws_spread(s, sum);
  for (uint32_t i = 0; i < count; i++) {
    output[i] = kws_requantize(sum[i], &scale, q);
  }
}
