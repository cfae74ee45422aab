/* Sums of a row of sparse weights times a vector, whose inputs are brought together from their places. */
#ifndef KWS_MVE_VECTOR_H
#define KWS_MVE_VECTOR_H

#include "kws_mve.h"

#if KWS_MVE
/* Of `pairs` groups {step0 | step1 << 4, w0, w1} as kws_conv_delta4.c has them, eight groups at a time. */
int32_t kws_mve_sum_pairs(const int8_t *input, const uint8_t *code, uint32_t pairs);

/* Of `blocks` groups {number, w0, w1, w2, w3} as kws_conv_block.c has them, four groups at a time. */
int32_t kws_mve_sum_blocks(const int8_t *input, const uint8_t *code, uint32_t blocks);

/* Of `depth` weights as kws_conv_bitmap.c has them, sixteen at a time; `code` moves on to the next row. */
int32_t kws_mve_sum_bits(const int8_t *input, const uint8_t **code, uint32_t depth);
#endif

#endif /* KWS_MVE_VECTOR_H */
