/* Convolution with sparse rows by vectors across pixels. */
#include "kws_conv_holds.h"
#include "kws_mve_sparse.h"

#if KWS_MVE
kws_status kws_mve_conv_sparse(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch,
                               kws_mve_sparse_rows rows) {
    if (!KWS_CONV_HOLDS(layer, input, output, scratch)) {
        return KWS_ERROR_ARGUMENT;
    }
    const kws_requant *q = &layer->output;
    const uint32_t plane = layer->window.out_plane;
    const int8_t *columns = (const int8_t *)scratch;
    kws_mve_sparse job;
    job.code = layer->weights;
    job.columns = columns;
    job.plane = plane;
    job.channels = layer->channels;
    job.bias = q->bias;
    job.multiplier = q->multiplier;
    job.shift = q->shift;
    job.zero_point = q->zero_point;
    job.minimum = q->minimum;
    job.maximum = q->maximum;
    job.end = columns + KWS_MVE_BLOCK * (uint32_t)layer->depth;
    job.pairs = layer->group != 0 ? kws_pairs_bytes(layer) / 3u : 0u;
    for (uint32_t pixel = 0; pixel < plane; pixel += KWS_MVE_BLOCK) {
        layer->im2col(layer, input, pixel, scratch);
        job.output = output + pixel;
        job.count = kws_mve_count(plane, pixel);
        rows(&job);
    }
    return KWS_OK;
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
