/* Sums of a row of sparse weights times a vector, by gathering the inputs at their places. */
#ifndef KWS_MVE_VECTOR_H
#define KWS_MVE_VECTOR_H

#include "kws_mve.h"

#if KWS_MVE
/* Of `pairs` groups {step0 | step1 << 4, w0, w1} as kws_conv_delta4.c has them, eight groups at a time. */
int32_t kws_mve_sum_pairs(const int8_t *input, const uint8_t *code, uint32_t pairs);

/* Of `blocks` groups {number, w0, w1, w2, w3} as kws_conv_block.c has them, two groups at a time. */
int32_t kws_mve_sum_blocks(const int8_t *input, const uint8_t *code, uint32_t blocks);

/* Of the weights of a bitmap of 32, first weight in the highest bit; `code` moves on behind them. */
int32_t kws_mve_sum_bits(const int8_t *input, uint32_t map, const uint8_t **code);
#endif

#endif /* KWS_MVE_VECTOR_H */
