/* Columns of a block of sixteen pixels for products along the weights of a row, and those products.
 *
 * Four pixels are a group of 4 * depth bytes. Within it the weights' inputs lie in sixteens, pixel after pixel:
 * 16 bytes of the first pixel, 16 of the second, of the third, of the fourth, and so on; the rest of depth / 16 the
 * same way in shorter pieces. VMLADAVA then multiplies sixteen weights with sixteen inputs of one pixel. */
#ifndef KWS_MVE_COLUMNS_H
#define KWS_MVE_COLUMNS_H

#include "kws_mve.h"

#if KWS_MVE
/* What the assembly works with. Offsets as in kws_mve_two_rows.c. */
typedef struct {
    const int8_t *rows[2]; /* 0, 4: weights of two output channels */
    uint32_t sixteens;     /* 8: whole sixteens of weights */
    uint32_t rest;         /* 12: weights behind them */
    const int8_t *columns; /* 16 */
    const int8_t *end;     /* 20: of the columns */
    int32_t *sums;         /* 24: 16 of the first row, then 16 of the second, four at a time */
} kws_mve_rows;

/* The sums of two rows over groups of four pixels. */
void kws_mve_two_rows(const kws_mve_rows *job);

/* Brings the next row of `layer->depth` weights; `code` moves on, `buffer` may hold the row. */
typedef const int8_t *(*kws_mve_next_row)(const kws_conv *layer, const uint8_t **code, int8_t *buffer);

/* Every row of a layer against the columns of `count` pixels, requantised and stored. `next` is null where rows lie as
 * int8 in layer->weights, else it may use depth bytes at each of `buffers`; with a single one, rows go one by one. */
void kws_mve_every_row(const kws_conv *layer, kws_mve_next_row next, int8_t *const buffers[2], const int8_t *columns,
                       int8_t *output, uint32_t count);

/* A convolution whose rows `next` unpacks into scratch behind the columns, where `rows` (1 or 2) have their place. */
kws_status kws_mve_conv_unpacked(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch,
                                 kws_mve_next_row next, uint32_t rows);
#endif

#endif /* KWS_MVE_COLUMNS_H */
