/* Depthwise convolutions by vectors: a line of outputs is a line of products with sixteen neighbouring inputs.
 *
 * The padded plane lies in scratch as int8, line after line; neighbouring lines share their padding where they can. A
 * window is cut into pieces of sixteen bytes, all of it at once where its lines lie near enough, else line by line; the
 * taps are in each piece's sixteen weights where their inputs are, with zeros between. So a piece costs a load and a
 * VMLADAVA for each output, of up to sixteen taps. */
#ifndef KWS_MVE_LINES_H
#define KWS_MVE_LINES_H

#include "kws_mve.h"
#include "kws_plane.h"

#if KWS_MVE
#define KWS_MVE_LINE 8u   /* outputs that the assembly takes at once */
#define KWS_MVE_SUMS 128u /* sums that are collected before they are requantised */

/* One piece of the window for `parts` parts of lines. Offsets as in kws_mve_lines.c. */
typedef struct {
    const int8_t *x;    /* 0: moves on by x_step */
    uint32_t x_step;    /* 4 */
    uint32_t parts;     /* 8 */
    uint32_t skip;      /* 12: bytes of code of outputs that a part does not have */
    int32_t *sums;      /* 16: moves on by sums_step bytes */
    uint32_t sums_step; /* 20 */
} kws_mve_parts;

/* The sums of up to eight neighbouring outputs of each part, whose windows are `stride` (1 or 2) apart; what is
 * written behind them is not meant. `more`: they are added to what is there. */
void kws_mve_lines(const kws_mve_parts *job, const int8_t *weights, uint32_t stride, int more);

/* How a layer is laid out; all of it in bytes. */
typedef struct {
    kws_window window; /* with the longer axis across where the plane is one column */
    uint32_t pitch;
    uint32_t plane;          /* with what is read behind it */
    uint32_t pieces, across; /* of the window; of one of its lines, or `pieces` */
    uint32_t jump;           /* from one line of the window to the next */
    uint32_t width, lines;   /* of outputs whose sums are collected: one line, or several of at most eight outputs */
    kws_mve_parts parts;     /* of `width` outputs in each of `lines` lines */
    int32_t y_from, y_to, y_skip, x_from, x_to, x_skip; /* as kws_overlap says */
} kws_mve_plan;

/* Whether `layer` can be done in `bytes` of scratch. */
int kws_mve_depthwise_plan(const kws_depthwise *layer, uint32_t bytes, kws_mve_plan *plan);

/* A depthwise convolution as planned. */
kws_status kws_mve_depthwise(const kws_depthwise *layer, const kws_mve_plan *plan, const int8_t *input, int8_t *output,
                             void *scratch);
#endif

#endif /* KWS_MVE_LINES_H */
