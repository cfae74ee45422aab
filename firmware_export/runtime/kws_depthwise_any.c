#include "kws_plane.h"

/* One output: rows of taps against the padded plane. */
static int32_t kws_taps(const kws_plane *p, const int8_t *weights, const int16_t *x) {
  int32_t sum = 0;
  for (int32_t a = p->taps_major; a > 0; a--) {
    const int8_t *w = weights;
    const int16_t *v = x;
    for (int32_t b = p->taps_minor; b > 0; b--) {
      sum += *w * *v;
      w += p->tap_minor_step;
      v += p->dilation_minor;
    }
    weights += p->tap_major_step;
    x += p->dilation_major * p->pitch;
  }
  return sum;
}

/* Any window, stride, dilation and channel multiplier. */
kws_status kws_depthwise_any(const kws_depthwise *layer, const int8_t *input, int8_t *output, void *scratch) {
  if (layer == NULL || input == NULL || output == NULL || scratch == NULL) {
    return KWS_ERROR_ARGUMENT;
  }
  const kws_window *w = &layer->window;
  kws_plane plane;
  kws_plane_init(&plane, w);
  int16_t *padded = (int16_t *)scratch;
  kws_plane_clear(&plane, w->zero_point, padded);
  const int8_t *weights = layer->weights;
  uint32_t channel = 0;
  for (uint32_t c = 0; c < layer->channels; c++) {
    kws_plane_load(&plane, input, padded);
    for (uint32_t m = 0; m < layer->multiplier; m++) {
      const kws_scale scale = kws_scale_of(&layer->output, channel);
      for (int32_t a = 0; a < plane.out_major; a++) {
        const int16_t *x = padded + a * plane.stride_major * plane.pitch;
        int8_t *out = output + a * plane.out_major_step;
        for (int32_t b = plane.out_minor; b > 0; b--) {
          *out = kws_requantize(kws_taps(&plane, weights, x), &scale, &layer->output);
          out += plane.out_minor_step;
          x += plane.stride_minor;
        }
      }
      weights += (uint32_t)w->height * w->width;
      output += w->out_plane;
      channel++;
    }
    input += w->in_plane;
  }
  return KWS_OK;
}
