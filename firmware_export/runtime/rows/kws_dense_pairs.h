/* Rows of int8 weights, two by two, against four pixels by SMLAD, for layers that saturate on cores with the DSP
 * extension.
 *
 * A half-word of weights holds a weight of the first row and one of the second, w0 + 256 * w1, a word those of two
 * neighbouring inputs; a column word holds the same two inputs of one pixel. With S0 and S1 the sums of the two rows,
 *
 *   SMLAD with the word itself          T  = S0 + 256 * S1   (modulo 2^32)
 *   SMLAD with its lower bytes, SXTB16  S0,                   so S1 = (T - S0) / 256
 *
 * which is right while |S1| < 2^23: one extension and two multiplications for four products. Weights are laid out by
 * the code generator, which checks the range.
 */
#ifndef KWS_DENSE_PAIRS_H
#define KWS_DENSE_PAIRS_H

#include "kws_requantize.h"

#if KWS_ROW_PAIRS
#define KWS_PAIRS_STEPS 16     /* column rows of one turn of the loop */
#define KWS_PAIRS_STEP_CODE 56 /* bytes of code of one of them */
#define KWS_PAIRS_ROW 32       /* bytes of a column row, of which four pixels take the first or the second half */

/* What the assembly works with, in a copy of its own. Offsets as in kws_dense_pairs.c. */
typedef struct {
    const uint8_t *columns; /* less those of the steps that the first turn leaves out */
    const uint8_t *weights; /* the same */
    uint32_t skip;          /* bytes of code that the first turn leaves out */
    const uint8_t *end;     /* of the first two rows' weights */
    uint32_t left_out;      /* bytes of weights that the first turn leaves out */
    uint32_t bytes;         /* of two rows of weights */
    const int32_t *bias;
    const int32_t *multiplier;
    const int8_t *shift;
    int32_t twice; /* 2 * zero point + 1 */
    int8_t *output;
    uint32_t plane;   /* bytes from one output row to the next */
    uint32_t channel; /* 0 */
    uint32_t channels;
} kws_pairs;

/* Computes, requantises and stores four pixels of every output channel. */
void kws_dense_pairs(const kws_pairs *job);
#endif

#endif /* KWS_DENSE_PAIRS_H */
