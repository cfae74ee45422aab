/* What an LSTM does with numbers of 16 bits: sigmoid and tanh by one table, products and sums that saturate. */
#ifndef KWS_LSTM_GATES_H
#define KWS_LSTM_GATES_H

#include "kws_requantize.h"

static inline int32_t kws_saturated(int32_t x) {
    return kws_clip(x, -32768, 32767);
}

/* A Q0.15 sigmoid of a Q3.12 number: |3 x / 2^9| is the place in the table and what is below its point between two. */
static inline int16_t kws_sigmoid(const uint16_t *table, int32_t x) {
    const int32_t scaled = 3 * x;
    const uint32_t size = (uint32_t)(scaled < 0 ? -scaled : scaled);
    const uint32_t place = size >> 9;
    uint32_t sum = 0x7fffu << 10;
    if (place < 255) {
        sum = ((uint32_t)table[place] << 9) + (size & 0x1ffu) * (uint32_t)(table[place + 1] - table[place]);
    }
    sum = scaled >= 0 ? sum + (1u << 9) : (1u << 25) - sum + (1u << 9) - 1u;
    return (int16_t)(sum >> 10);
}

/* A Q0.15 tanh as 2 sigmoid(2 x) - 1; `scaled` is 3 x in steps of 2^-12. */
static inline int16_t kws_tanh(const uint16_t *table, int32_t scaled) {
    const uint32_t size = (uint32_t)(scaled < 0 ? -scaled : scaled);
    const uint32_t place = size >> 8;
    int32_t sum = 0xffff << 8;
    if (place < 255) {
        sum = ((int32_t)table[place] << 8) + (int32_t)(size & 0xffu) * (table[place + 1] - table[place]);
    }
    sum = scaled >= 0 ? sum - (1 << 23) + (1 << 7) : -sum + (1 << 23) + (1 << 7) - 1;
    return (int16_t)(sum >> 8);
}

#endif /* KWS_LSTM_GATES_H */
