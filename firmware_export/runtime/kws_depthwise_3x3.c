#include "kws_plane.h"

#if KWS_DSP
static inline uint32_t kws_pack(int32_t low, int32_t high) {
  return ((uint32_t)low & 0xffffu) | ((uint32_t)high << 16);
}

/* A row of three taps for outputs x and x + 1: four inputs in two words, each weight in one of two pairs. The row moves
 * on by two. One block of assembly, so that every weight is fetched once. */
static inline const int16_t *kws_row3(int32_t *even, int32_t *odd, const int16_t *x, uint32_t w01, uint32_t w12) {
  uint32_t x01, x23;
  __asm__(
      "ldrd %[x01], %[x23], [%[x]], #4\n\t"
      "smlad %[even], %[x01], %[w01], %[even]\n\t"
      "smlabt %[even], %[x23], %[w12], %[even]\n\t"
      "smlatb %[odd], %[x01], %[w01], %[odd]\n\t"
      "smlad %[odd], %[x23], %[w12], %[odd]"
      : [even] "+r"(*even), [odd] "+r"(*odd), [x] "+r"(x), [x01] "=&r"(x01), [x23] "=&r"(x23)
      : [w01] "r"(w01), [w12] "r"(w12)
      : "memory");
  return x;
}
#endif

/* A 3x3 window with stride and dilation 1 and one output channel an input channel, as every DS-CNN has them. */
kws_status kws_depthwise_3x3(const kws_depthwise *layer, const int8_t *input, int8_t *output, void *scratch) {
  if (layer == NULL || input == NULL || output == NULL || scratch == NULL) {
    return KWS_ERROR_ARGUMENT;
  }
  const kws_window *w = &layer->window;
  kws_plane plane;
  kws_plane_init(&plane, w);
  int16_t *padded = (int16_t *)scratch;
  kws_plane_clear(&plane, w->zero_point, padded);
  const int8_t *weights = layer->weights;
  const int32_t pitch = plane.pitch;
  const int32_t step = plane.out_minor_step;
  for (uint32_t channel = 0; channel < layer->channels; channel++) {
    const kws_scale scale = kws_scale_of(&layer->output, channel);
    int32_t t[9]; /* taps in the order of the padded plane */
    for (int32_t i = 0; i < 9; i++) {
      t[i] = weights[i / 3 * plane.tap_major_step + i % 3 * plane.tap_minor_step];
    }
    kws_plane_load(&plane, input, padded);
    for (int32_t a = 0; a < plane.out_major; a++) {
      const int16_t *x0 = padded + a * pitch;
      const int16_t *x1 = x0 + pitch;
      const int16_t *x2 = x1 + pitch;
      int8_t *out = output + a * plane.out_major_step;
      int32_t left = plane.out_minor;
#if KWS_DSP
      if (layer->output.plain) {
        const uint32_t w001 = kws_pack(t[0], t[1]), w012 = kws_pack(t[1], t[2]);
        const uint32_t w101 = kws_pack(t[3], t[4]), w112 = kws_pack(t[4], t[5]);
        const uint32_t w201 = kws_pack(t[6], t[7]), w212 = kws_pack(t[7], t[8]);
        for (; left >= 2; left -= 2) {
          int32_t even = 0, odd = 0;
          x0 = kws_row3(&even, &odd, x0, w001, w012);
          x1 = kws_row3(&even, &odd, x1, w101, w112);
          x2 = kws_row3(&even, &odd, x2, w201, w212);
          out[0] = (int8_t)kws_requantize_plain(even, &scale);
          out[step] = (int8_t)kws_requantize_plain(odd, &scale);
          out += 2 * step;
        }
      }
#endif
      for (; left > 0; left--) {
        const int32_t sum = t[0] * x0[0] + t[1] * x0[1] + t[2] * x0[2] + t[3] * x1[0] + t[4] * x1[1] + t[5] * x1[2] +
                            t[6] * x2[0] + t[7] * x2[1] + t[8] * x2[2];
        *out = kws_requantize(sum, &scale, &layer->output);
        out += step;
        x0++;
        x1++;
        x2++;
      }
    }
    weights += 9;
    input += w->in_plane;
    output += w->out_plane;
  }
  return KWS_OK;
}
