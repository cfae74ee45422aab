#include <string.h>

#include "kws_requantize.h"

#if KWS_DSP
/* Four bytes at once: subtracting with saturation and adding back limits from below, the reverse from above. */
static inline uint32_t kws_clamp4(uint32_t x, uint32_t low, uint32_t high) {
  __asm__("qsub8 %0, %0, %1\n\tqadd8 %0, %0, %1\n\tqadd8 %0, %0, %2\n\tqsub8 %0, %0, %2"
          : "+r"(x)
          : "r"(low), "r"(high));
  return x;
}
#endif

/* Limit every byte. Saturating arithmetic needs both limits' distances from the ends of int8 within int8, which holds
 * for minimum <= -1 and maximum >= 0. */
kws_status kws_clamp(int8_t minimum, int8_t maximum, uint32_t bytes, const int8_t *input, int8_t *output) {
  if (input == NULL || output == NULL) {
    return KWS_ERROR_ARGUMENT;
  }
#if KWS_DSP
  if (minimum < 0 && maximum >= 0) {
    const uint32_t low = (uint32_t)(minimum + 128) * 0x01010101u;
    const uint32_t high = (uint32_t)(127 - maximum) * 0x01010101u;
    for (; bytes >= 8; bytes -= 8) {
      uint32_t x[2];
      memcpy(x, input, 8);
      x[0] = kws_clamp4(x[0], low, high);
      x[1] = kws_clamp4(x[1], low, high);
      memcpy(output, x, 8);
      input += 8;
      output += 8;
    }
  }
#endif
  while (bytes > 0) {
    const int8_t x = *input++;
    *output++ = x < minimum ? minimum : (x > maximum ? maximum : x);
    bytes--;
  }
  return KWS_OK;
}
