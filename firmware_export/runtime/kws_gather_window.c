#include "kws_lanes.h"

/* Where the window of one output pixel begins; may be outside the plane. */
typedef struct {
  int32_t y, x;
} kws_view;

static kws_view kws_view_of(const kws_window *w, uint32_t pixel) {
  const uint32_t pixels = (uint32_t)w->out_height * w->out_width;
  const uint32_t p = pixel < pixels ? pixel : pixels - 1; /* the plane's padding repeats its last pixel */
  const int32_t row = (int32_t)(p / w->out_width);
  const int32_t column = (int32_t)(p % w->out_width);
  kws_view view;
  view.y = w->first_y + row * w->stride_y;
  view.x = w->first_x + column * w->stride_x;
  return view;
}

static int32_t kws_tap(const kws_window *w, const int8_t *plane, int32_t y, int32_t x) {
  if (y < 0 || y >= w->in_height || x < 0 || x >= w->in_width) {
    return w->zero_point;
  }
  return plane[y * w->in_width + x];
}

/* Any window: row (c, ky, kx) of the columns is what that tap sees at output pixels pixel..pixel+7. */
void kws_gather_window(const kws_conv *layer, const int8_t *input, uint32_t pixel, void *columns) {
  const kws_window *w = &layer->window;
  const uint32_t taps = (uint32_t)w->height * w->width;
  const uint32_t channels = layer->depth / taps;
  for (uint32_t pair = 0; pair < KWS_BLOCK / 2; pair++) {
    const kws_view a = kws_view_of(w, pixel + 2 * pair);
    const kws_view b = kws_view_of(w, pixel + 2 * pair + 1);
    kws_lane *row = (kws_lane *)columns;
    const int8_t *plane = input;
    for (uint32_t c = channels; c > 0; c--) {
      int32_t ya = a.y, yb = b.y;
      for (uint32_t ky = w->height; ky > 0; ky--) {
        int32_t xa = a.x, xb = b.x;
        for (uint32_t kx = w->width; kx > 0; kx--) {
          kws_put_pair(row, pair, kws_tap(w, plane, ya, xa), kws_tap(w, plane, yb, xb));
          row += KWS_LANES;
          xa += w->dilation_x;
          xb += w->dilation_x;
        }
        ya += w->dilation_y;
        yb += w->dilation_y;
      }
      plane += w->in_plane;
    }
  }
}
