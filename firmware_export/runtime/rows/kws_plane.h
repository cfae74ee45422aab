/* One input plane widened to int16, with its padding around it, for the depthwise kernels. */
#ifndef KWS_PLANE_H
#define KWS_PLANE_H

#include "kws_requantize.h"

/* `minor` runs along the longer side of the window, of the output where that is square; lines of the padded plane are
 * `pitch` (even) elements apart. */
typedef struct {
    int32_t major, minor, pitch;              /* size of the padded plane */
    int32_t out_major, out_minor;             /* size of the output plane */
    int32_t out_major_step, out_minor_step;   /* between output elements */
    int32_t in_major_step, in_minor_step;     /* between input elements */
    int32_t major_from, major_to, major_skip; /* padded positions that hold input, and where the input begins */
    int32_t minor_from, minor_to, minor_skip;
    int32_t taps_major, taps_minor, tap_major_step, tap_minor_step; /* the window, and strides in its weights */
    int32_t stride_major, stride_minor, dilation_major, dilation_minor;
} kws_plane;

/* Which of `size` padded positions, the first at input position `first`, hold one of `limit` inputs. */
static inline void kws_overlap(int32_t first, int32_t size, int32_t limit, int32_t *from, int32_t *to, int32_t *skip) {
    *from = first < 0 ? -first : 0;
    *to = limit - first < size ? limit - first : size;
    *from = *from < *to ? *from : *to;
    *skip = first > 0 ? first : 0;
}

void kws_plane_init(kws_plane *plane, const kws_window *w);

/* Fill the whole padded plane with the zero point; once for a layer. */
void kws_plane_clear(const kws_plane *plane, int8_t zero_point, int16_t *padded);

/* Copy one channel's inputs into the padded plane. */
void kws_plane_load(const kws_plane *plane, const int8_t *input, int16_t *padded);

/* The int8 taps of the next channel: where they are, or unpacked from few bits; `code` moves on. */
const int8_t *kws_depthwise_taps(const kws_depthwise *layer, const uint8_t **code, int8_t *unpacked);

/* The same, nine of them. */
static inline const int8_t *kws_next_nine(const kws_depthwise *layer, const uint8_t **code, int8_t *unpacked) {
    if (layer->unpack != NULL) {
        return kws_depthwise_taps(layer, code, unpacked);
    }
    const int8_t *weights = (const int8_t *)*code;
    *code += 9;
    return weights;
}

#endif /* KWS_PLANE_H */
