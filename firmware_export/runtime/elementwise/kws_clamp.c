/* Limiting every number of a tensor. */
#include <string.h>

#include "kws_requantize.h"

#if KWS_DSP
/* Four bytes at once: subtracting with saturation and adding back limits from below, the reverse from above. */
static inline uint32_t kws_at_least(uint32_t x, uint32_t low) {
    __asm__("qsub8 %0, %0, %1\n\tqadd8 %0, %0, %1" : "+r"(x) : "r"(low));
    return x;
}

static inline uint32_t kws_at_most(uint32_t x, uint32_t high) {
    __asm__("qadd8 %0, %0, %1\n\tqsub8 %0, %0, %1" : "+r"(x) : "r"(high));
    return x;
}

/* Sixteen bytes a turn, limited from below; returns how many bytes were done. */
static uint32_t kws_clamp_low(uint32_t low, uint32_t bytes, const int8_t *input, int8_t *output) {
    uint32_t done = 0;
    for (; done + 16 <= bytes; done += 16) {
        uint32_t x[4];
        memcpy(x, input + done, 16);
        x[0] = kws_at_least(x[0], low);
        x[1] = kws_at_least(x[1], low);
        x[2] = kws_at_least(x[2], low);
        x[3] = kws_at_least(x[3], low);
        memcpy(output + done, x, 16);
    }
    return done;
}

/* Four bytes a turn, limited from both sides. */
static uint32_t kws_clamp_both(uint32_t low, uint32_t high, uint32_t bytes, const int8_t *input, int8_t *output) {
    uint32_t done = 0;
    for (; done + 4 <= bytes; done += 4) {
        uint32_t x;
        memcpy(&x, input + done, 4);
        x = kws_at_most(kws_at_least(x, low), high);
        memcpy(output + done, &x, 4);
    }
    return done;
}
#endif

/* Limit every byte. Saturating arithmetic needs both limits' distances from the ends of int8 within int8, which holds
 * for minimum <= -1 and maximum >= 0. */
kws_status kws_clamp(int8_t minimum, int8_t maximum, uint32_t bytes, const int8_t *input, int8_t *output) {
    if (input == NULL || output == NULL) {
        return KWS_ERROR_ARGUMENT;
    }
    uint32_t done = 0;
#if KWS_DSP
    if (minimum < 0 && maximum >= 0) {
        const uint32_t low = (uint32_t)(minimum + 128) * 0x01010101u;
        const uint32_t high = (uint32_t)(127 - maximum) * 0x01010101u;
        done = high == 0 ? kws_clamp_low(low, bytes, input, output) : kws_clamp_both(low, high, bytes, input, output);
    }
#endif
    for (; done < bytes; done++) {
        const int8_t x = input[done];
        output[done] = x < minimum ? minimum : (x > maximum ? maximum : x);
    }
    return KWS_OK;
}
