/* What the convolutions over encoded rows share: blocks of pixels, brought together once by im2col, under every row of
 * weights. */
#ifndef KWS_CONV_ROWS_H
#define KWS_CONV_ROWS_H

#include "kws_conv_holds.h"
#include "kws_rows.h"

/* Adds one row's products over a block of pixels to the sums; returns where the next row begins. */
typedef const uint8_t *(*kws_row_sums)(kws_sums *sums, const kws_lane *columns, const uint8_t *code,
                                       const kws_conv *layer);

#if KWS_THUMB2
#define KWS_ASSEMBLY(function) function
#else /* no assembly to call */
typedef void *kws_rows_function;
#define KWS_ASSEMBLY(function) NULL
#endif

#if defined(__GNUC__)
#define KWS_ALWAYS_INLINE static inline __attribute__((always_inline))
#else
#define KWS_ALWAYS_INLINE static inline
#endif

/* `assembly` computes and stores a whole block where the output saturates. Inlined, or `sums_of` would keep the sums of
 * a row in memory. */
KWS_ALWAYS_INLINE kws_status kws_conv_rows(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch,
                                           kws_row_sums sums_of, kws_rows_function assembly) {
    if (!KWS_CONV_HOLDS(layer, input, output, scratch)) {
        return KWS_ERROR_ARGUMENT;
    }
    const kws_lane *columns = (const kws_lane *)scratch;
    const uint32_t plane = layer->window.out_plane;
    for (uint32_t pixel = 0; pixel < plane; pixel += KWS_BLOCK) {
        const uint32_t count = kws_block_count(plane, pixel);
        layer->im2col(layer, input, pixel, scratch);
        int8_t *out = output + pixel;
        const uint8_t *code = layer->weights;
#if KWS_THUMB2
        if (layer->output.saturating) {
            kws_rows_block(assembly, layer, columns, out, count);
            continue;
        }
#else
        (void)assembly;
#endif
        for (uint32_t channel = 0; channel < layer->channels; channel++) {
            kws_sums sums = {0, 0, 0, 0, 0, 0, 0, 0};
            code = sums_of(&sums, columns, code, layer);
            kws_store(&layer->output, channel, &sums, out, count);
            out += plane;
        }
    }
    return KWS_OK;
}

#endif /* KWS_CONV_ROWS_H */
