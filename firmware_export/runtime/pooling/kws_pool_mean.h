/* Sums of int8 numbers, and their mean. */
#ifndef KWS_POOL_MEAN_H
#define KWS_POOL_MEAN_H

#include <string.h>

#include "kws_mve_dot.h"

#if KWS_DSP
/* `sum` and four bytes, each moved by 128. */
static inline uint32_t kws_add_four(const int8_t *x, uint32_t sum) {
    uint32_t four;
    memcpy(&four, x, sizeof four);
    four ^= 0x80808080u;
    __asm__("usada8 %0, %1, %2, %0" : "+r"(sum) : "r"(four), "r"(0));
    return sum;
}
#endif

static inline int32_t kws_sum_of(const int8_t *x, int32_t count) {
#if KWS_MVE
    return kws_mve_sum(x, (uint32_t)count);
#else
    int32_t sum = 0;
#if KWS_DSP /* USADA8 adds four bytes without a sign; the sum is moved back in the end */
    uint32_t moved = 0;
    const int32_t words = count / 4;
    int32_t left = words;
    for (; left >= 4; left -= 4) {
        moved = kws_add_four(x + 12, kws_add_four(x + 8, kws_add_four(x + 4, kws_add_four(x, moved))));
        x += 16;
    }
    for (; left > 0; left--) {
        moved = kws_add_four(x, moved);
        x += 4;
    }
    sum = (int32_t)moved - 512 * words;
    count -= 4 * words;
#else
    for (; count >= 4; count -= 4) {
        sum += x[0] + x[1] + x[2] + x[3];
        x += 4;
    }
#endif
    for (; count > 0; count--) {
        sum += *x++;
    }
    return sum;
#endif
}

static inline int8_t kws_mean_of(const kws_pool *layer, int32_t sum, int32_t half, int32_t count) {
    const int32_t mean = (sum > 0 ? sum + half : sum - half) / count;
    const int32_t above = mean < layer->minimum ? layer->minimum : mean;
    return (int8_t)(above > layer->maximum ? layer->maximum : above);
}

#endif /* KWS_POOL_MEAN_H */
