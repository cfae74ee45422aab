/* Convolution with weights as planes of signs, by tables of sums. */
#include "kws_conv_holds.h"
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

#if !KWS_MVE && KWS_THUMB2
/* What does not change from block to block; the scales of all channels are written. */
static kws_planes_job kws_planes_job_of(const kws_conv *layer, const uint32_t *tables, kws_planes_scale *scales) {
    const uint32_t count = KWS_TABLES(layer->depth), left_out = (0u - count) % KWS_PLANES_TURN;
    const kws_requant *q = &layer->output;
    const int32_t twice = 2 * q->zero_point + 1;
    for (uint32_t channel = 0; channel < layer->channels; channel++) {
        const int32_t shift = -q->shift[channel] - 1;
        scales[channel].shift = shift;
        scales[channel].round = (int32_t)((uint32_t)twice << shift);
        scales[channel].doubled = 2 * q->bias[channel];
        scales[channel].multiplier = q->multiplier[channel];
    }
    kws_planes_job job;
    job.tables = tables - left_out * KWS_TABLE_WORDS;
    job.left_out = left_out * KWS_GROUP;
    job.skip = left_out * KWS_PLANES_STEP_CODE;
    job.bytes = (count + left_out) / 2u;
    job.plane = layer->window.out_plane;
    job.planes = layer->bits;
    job.factor = 2 * layer->group;
    job.begin = tables;
    return job;
}

/* Every row of a block; a shorter one row by row, of whose eight outputs some are kept. */
static void kws_planes_block(const kws_conv *layer, kws_planes_job *job, const kws_planes_scale *scales, int8_t *output,
                             uint32_t count) {
    job->code = layer->weights;
    job->scale = scales;
    job->end = scales + layer->channels;
    job->output = output;
    if (count == KWS_BLOCK) {
        kws_planes_rows(job);
        return;
    }
    int8_t pixels[KWS_BLOCK];
    job->output = pixels;
    for (uint32_t channel = 0; channel < layer->channels; channel++) {
        job->end = job->scale + 1;
        job->code = kws_planes_rows(job);
        job->scale = job->end;
        for (uint32_t i = 0; i < count; i++) {
            output[i] = pixels[i];
        }
        output += layer->window.out_plane;
    }
}
#endif

/* Weights as planes of signs: w = group * sum over j of 2^j * s_j, s_j = -1 or 1; `bits` planes, the highest first,
 * each of a row (depth + 7) / 8 bytes, a bit for each weight, least significant first.
 *
 * Every row adds and subtracts the same inputs. So all sums of four inputs, 16 of them, are made once for a block of
 * pixels (by layer->im2col), and a plane takes one of them for every four weights: four additions of two pixels each,
 * no multiplication. The sums of a plane fit 16 bits for a depth of at most 255. */
kws_status kws_conv_planes(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch) {
#if KWS_MVE
    return kws_mve_conv_unpacked(layer, input, output, scratch, kws_mve_next_planes, 2);
#else
    if (!KWS_CONV_HOLDS(layer, input, output, scratch)) {
        return KWS_ERROR_ARGUMENT;
    }
    const uint32_t *tables = (const uint32_t *)scratch;
    const uint32_t plane = layer->window.out_plane;
#if KWS_THUMB2
    kws_planes_scale *scales = kws_planes_scales(layer, scratch);
    const int assembly = kws_planes_have_assembly(layer);
    kws_planes_job job;
    if (assembly) {
        job = kws_planes_job_of(layer, tables, scales);
    }
#endif
    for (uint32_t pixel = 0; pixel < plane; pixel += KWS_BLOCK) {
        const uint32_t count = kws_block_count(plane, pixel);
        const uint8_t *code = layer->weights;
        int8_t *out = output + pixel;
        layer->im2col(layer, input, pixel, scratch);
#if KWS_THUMB2
        if (assembly) {
            kws_planes_block(layer, &job, scales, out, count);
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
