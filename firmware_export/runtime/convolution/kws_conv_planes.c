/* Convolution with weights as planes of signs, by tables of sums. */
#include "kws_mve_columns.h"
#include "kws_planes.h"

#if KWS_MVE
/* A bit a weight is the predicate that chooses between the factor and its negative. */
static const int8_t *kws_mve_next_planes(const kws_conv *layer, const uint8_t **code, int8_t *buffer) {
    const uint32_t bytes = (layer->depth + 7u) / 8u;
    const int8x16_t plus = vdupq_n_s8((int8_t)layer->group), minus = vnegq_s8(plus);
    for (uint32_t k = 0; k < layer->depth; k += 16u) {
        const uint8_t *plane = *code + k / 8u;
        const int both = k + 8u < layer->depth;
        int8x16_t weights = vdupq_n_s8(0);
        for (uint32_t left = layer->bits; left > 0; left--) {
            const uint32_t signs = plane[0] | (both ? (uint32_t)plane[1] << 8 : 0u);
            weights = vaddq_s8(vaddq_s8(weights, weights), vpselq_s8(plus, minus, (mve_pred16_t)signs));
            plane += bytes;
        }
        vstrbq_p_s8(buffer + k, weights, vctp8q(layer->depth - k));
    }
    *code += layer->bits * bytes;
    return buffer;
}
#endif

/* Weights as planes of signs: w = group * sum over j of 2^j * s_j, s_j = -1 or 1; `bits` planes, the highest first,
 * each of a row (depth + 7) / 8 bytes, a bit for each weight, least significant first.
 *
 * Every row adds and subtracts the same inputs. So all sums of four inputs, 16 of them, are made once for a block of
 * pixels, and a plane takes one of them for every four weights: four additions of two pixels each, no multiplication.
 * The sums of a plane fit 16 bits for a depth of at most 255. */
kws_status kws_conv_planes(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
#if KWS_MVE
    return kws_mve_conv_unpacked(layer, input, output, scratch, kws_mve_next_planes, 2);
#else
    if (layer == NULL || input == NULL || output == NULL || scratch == NULL) {
        return KWS_ERROR_ARGUMENT;
    }
    const kws_lane *columns = (const kws_lane *)scratch;
    uint32_t *tables = (uint32_t *)(void *)((uint8_t *)scratch + kws_conv_scratch(layer->depth));
    const uint32_t plane = layer->window.out_plane;
    for (uint32_t pixel = 0; pixel < plane; pixel += KWS_BLOCK) {
        const uint32_t count = kws_block_count(plane, pixel);
        layer->im2col(layer, input, pixel, scratch);
        for (uint32_t i = 0; i < KWS_TABLES(layer->depth); i++) {
            const uint32_t first = i * KWS_GROUP;
            const uint32_t inputs = first < layer->depth ? layer->depth - first : 0;
            kws_planes_table(columns + first * KWS_LANES, inputs, tables + i * KWS_TABLE_WORDS);
        }
        const uint8_t *code = layer->weights;
        int8_t *out = output + pixel;
#if KWS_THUMB2
        if (kws_planes_are_quick(layer)) {
            kws_row row = kws_first_row(layer);
            row.bytes = KWS_TABLES(layer->depth) / 2u;
            for (uint32_t channel = 0; channel < layer->channels; channel++) {
                code = kws_one_row(kws_planes_quick, code, (const kws_lane *)(const void *)tables, &row, out, count);
                out += plane;
            }
            continue;
        }
#endif
        for (uint32_t channel = 0; channel < layer->channels; channel++) {
            code = kws_planes_row(layer, channel, tables, code, out, count);
            out += plane;
        }
    }
    return KWS_OK;
#endif
}
