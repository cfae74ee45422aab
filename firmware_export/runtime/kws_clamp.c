#include "kws_engine.h"

kws_status kws_clamp(int8_t minimum, int8_t maximum, uint32_t bytes, const int8_t *input, int8_t *output) {
  if (input == NULL || output == NULL) {
    return KWS_ERROR_ARGUMENT;
  }
  while (bytes > 0) {
    const int8_t x = *input++;
    *output++ = x < minimum ? minimum : (x > maximum ? maximum : x);
    bytes--;
  }
  return KWS_OK;
}
