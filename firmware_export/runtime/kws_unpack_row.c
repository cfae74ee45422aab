#include "kws_engine.h"

const uint8_t *kws_unpack_row(const kws_conv *layer, const uint8_t *source, int8_t *row) {
  const uint32_t bits = layer->bits;
  const uint32_t mask = (1u << bits) - 1u;
  const uint32_t sign = 1u << (bits - 1u);
  uint32_t window = 0;
  uint32_t have = 0;
  for (uint32_t left = layer->depth; left > 0; left--) {
    if (have < bits) {
      window |= (uint32_t)*source++ << have;
      have += 8;
    }
    const uint32_t value = window & mask;
    *row++ = layer->table != NULL ? layer->table[value] : (int8_t)((int32_t)(value ^ sign) - (int32_t)sign);
    window >>= bits;
    have -= bits;
  }
  return source;
}
