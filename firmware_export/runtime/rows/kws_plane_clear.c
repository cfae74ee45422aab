/* Filling a padded plane with the zero point. */
#include "kws_plane.h"

void kws_plane_clear(const kws_plane *plane, int8_t zero_point, int16_t *padded) {
    for (int32_t i = plane->major * plane->pitch; i > 0; i--) {
        *padded++ = zero_point;
    }
}
