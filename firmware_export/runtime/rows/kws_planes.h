/* Weights as planes of signs: tables of every sum of four inputs, and rows that add up one of them for four weights. */
#ifndef KWS_PLANES_H
#define KWS_PLANES_H

#include "kws_thumb2.h"

#define KWS_GROUP 4u                                           /* inputs of one table */
#define KWS_PAIRS (KWS_BLOCK / 2u)                             /* words of an entry, two pixels each */
#define KWS_TABLE_WORDS ((1u << KWS_GROUP) * KWS_PAIRS)        /* of one table */
#define KWS_TABLES(depth) (((uint32_t)(depth) + 7u) / 8u * 2u) /* an even number */

/* Which two pixels of a block share word `pair`, and how their sums lie in it. With SADD16 the halves of a word are
 * numbers of their own, and SXTB16 gives every second pixel; else a word is x0 + x1 * 2^16. */
#if KWS_DSP
#define KWS_LOWER_PIXEL(pair) ((pair) / 2u * 4u + (pair) % 2u)
#define KWS_UPPER_PIXEL(pair) (KWS_LOWER_PIXEL(pair) + 2u)
#define KWS_ADD_HALVES "sadd16 "
static inline int32_t kws_upper_half(uint32_t word) {
    return (int32_t)word >> 16;
}
#else
#define KWS_LOWER_PIXEL(pair) (2u * (pair))
#define KWS_UPPER_PIXEL(pair) (2u * (pair) + 1u)
#define KWS_ADD_HALVES "add.w "
static inline int32_t kws_upper_half(uint32_t word) {
    const int32_t lower = (int16_t)(word & 0xffffu);
    return (int32_t)(word - (uint32_t)lower) >> 16;
}
#endif

/* Make `count` tables, each of four inputs of eight pixels, `plane` bytes from one input to the next: every entry is
 * their sum, each negative where its bit of the entry's number is 0. With SIMD in words: aligned to four. */
void kws_planes_tables(const int8_t *x, uint32_t plane, uint32_t count, uint32_t *tables);

/* What one output channel's sums are requantised with: shift to the right less one, rounding constant, twice the bias,
 * multiplier. */
typedef struct {
    int32_t shift;
    int32_t round;
    int32_t doubled;
    int32_t multiplier;
} kws_planes_scale;

/* Scratch: the tables, the scales of all channels, and in windows the eight bytes of each input
 * that the tables are made from. */
static inline kws_planes_scale *kws_planes_scales(const kws_conv *layer, void *scratch) {
    return (kws_planes_scale *)scratch + KWS_TABLES(layer->depth) * KWS_TABLE_WORDS / 4u;
}

/* One output channel of a block in C, for any number of planes; returns where the next row begins. */
const uint8_t *kws_planes_row(const kws_conv *layer, uint32_t channel, const uint32_t *tables, const uint8_t *code,
                              int8_t *output, uint32_t count);

/* Sums over `size[1]` planes of `size[0]` bytes, the highest first, that fit 16 bits; returns where the next begins. */
const uint8_t *kws_planes_sum(const uint32_t *tables, const uint8_t *code, const uint32_t size[2],
                              uint32_t sums[KWS_PAIRS]);

#if KWS_THUMB2
#define KWS_PLANES_TURN 8u       /* tables of one turn of the loop: a word of signs */
#define KWS_PLANES_STEP_CODE 40u /* bytes of code of one of them */

/* What the assembly works with, in a copy of its own. Offsets as in kws_planes_rows.c. */
typedef struct {
    const uint32_t *tables; /* less those that a plane's first turn leaves out */
    const uint8_t *code;
    uint32_t left_out; /* bits of the first word of signs that belong to them */
    uint32_t skip;     /* bytes of code that they would take */
    uint32_t bytes;    /* of a plane's words */
    const kws_planes_scale *scale;
    const kws_planes_scale *end;
    int8_t *output;
    uint32_t plane; /* bytes from one row's outputs to the next row's */
    uint32_t planes;
    int32_t factor;        /* twice the weights' common one */
    const uint32_t *begin; /* of the tables */
} kws_planes_job;

/* Computes, requantises and stores rows of eight pixels where the sums over all planes fit 16 bits,
 * (2^bits - 1) * depth < 256; returns where the next row's code begins. */
const uint8_t *kws_planes_rows(const kws_planes_job *job);

static inline int kws_planes_have_assembly(const kws_conv *layer) {
    return layer->output.saturating && ((1u << layer->bits) - 1u) * layer->depth < 256u;
}
#endif

#endif /* KWS_PLANES_H */
