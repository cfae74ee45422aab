/* Convolution with dense weights, two rows of them in each other. */
#include "kws_conv_holds.h"
#include "kws_dense_pairs.h"
#include "kws_halves.h"
#include "kws_lanes.h"

#if KWS_ROW_PAIRS
/* Every row against a block of 4 or 8 pixels. */
static void kws_pairs_block(const kws_conv *layer, const uint8_t *columns, int8_t *output, uint32_t count) {
    const uint32_t steps = (layer->depth + 1u) / 2u;
    const uint32_t left_out = (0u - steps) % KWS_PAIRS_STEPS;
    kws_pairs job;
    job.left_out = 4u * left_out;
    job.bytes = 4u * steps;
    job.skip = left_out * KWS_PAIRS_STEP_CODE;
    job.weights = layer->weights - job.left_out;
    job.end = layer->weights + job.bytes;
    job.bias = layer->output.bias;
    job.multiplier = layer->output.multiplier;
    job.shift = layer->output.shift;
    job.twice = 2 * layer->output.zero_point + 1;
    job.plane = layer->window.out_plane;
    job.channel = 0;
    job.channels = layer->channels;
    for (uint32_t pixel = 0; pixel < count; pixel += 4) {
        job.columns = columns + 4u * pixel - left_out * KWS_PAIRS_ROW;
        job.output = output + pixel;
        kws_dense_pairs(&job);
    }
}
#endif

/* Dense int8 weights of layers whose requantisation saturates and whose planes are multiples of four bytes. With SMLAD
 * two rows lie in each other as kws_dense_pairs.h says, a single last row beside zeros; elsewhere as in kws_conv_dense.
 * `bits` is 1 where no weight is -128, which Cortex-M3's kernel needs.
 */
kws_status kws_conv_dense_pairs(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
#if KWS_ROW_PAIRS
    if (!KWS_CONV_HOLDS(layer, input, output, scratch) || layer->window.out_plane % 4u != 0 ||
        !layer->output.saturating) {
        return KWS_ERROR_ARGUMENT;
    }
    const uint32_t plane = layer->window.out_plane;
    for (uint32_t pixel = 0; pixel < plane; pixel += KWS_BLOCK) {
        layer->im2col(layer, input, pixel, scratch);
        kws_pairs_block(layer, (const uint8_t *)scratch, output + pixel, kws_block_count(plane, pixel));
    }
    return KWS_OK;
#elif KWS_HALVES
    if (!KWS_CONV_HOLDS(layer, input, output, scratch) || !layer->output.saturating) {
        return KWS_ERROR_ARGUMENT;
    }
    if (layer->bits == 0) { /* a weight may be -128 */
        return kws_conv_dense(layer, input, output, scratch);
    }
    const uint32_t plane = layer->window.out_plane;
    for (uint32_t pixel = 0; pixel < plane; pixel += KWS_BLOCK) {
        layer->im2col(layer, input, pixel, scratch);
        kws_halves_of((kws_lane *)scratch, (uint32_t)layer->depth * KWS_LANES);
        kws_rows_block(kws_halves_rows, layer, (const kws_lane *)scratch, output + pixel,
                       kws_block_count(plane, pixel));
    }
    return KWS_OK;
#else
    return kws_conv_dense(layer, input, output, scratch);
#endif
}
