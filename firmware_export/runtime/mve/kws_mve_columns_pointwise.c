/* im2col of sixteen pixels for a 1x1 window with stride 1, for products along the rows of weights. */
#include "kws_mve_columns.h"

#if KWS_MVE
/* Sixteen channels: their bytes side by side by fours, and then these words by fours. */
static void kws_mve_turn(const int8_t *x, uint32_t plane, uint32_t count, int8_t *columns, uint32_t group) {
    const mve_pred16_t left = vctp8q(count);
    int32_t words[4 * KWS_MVE_BLOCK];
    for (uint32_t i = 0; i < 4u; i++) {
        int8x16x4_t four;
        four.val[0] = vldrbq_z_s8(x, left);
        four.val[1] = vldrbq_z_s8(x + plane, left);
        four.val[2] = vldrbq_z_s8(x + 2u * plane, left);
        four.val[3] = vldrbq_z_s8(x + 3u * plane, left);
        vst4q_s8((int8_t *)(words + i * KWS_MVE_BLOCK), four);
        x += 4u * plane;
    }
    for (uint32_t pixel = 0; pixel < count; pixel += 4u) {
        int32x4x4_t four;
        four.val[0] = vldrwq_s32(words + pixel);
        four.val[1] = vldrwq_s32(words + pixel + KWS_MVE_BLOCK);
        four.val[2] = vldrwq_s32(words + pixel + 2u * KWS_MVE_BLOCK);
        four.val[3] = vldrwq_s32(words + pixel + 3u * KWS_MVE_BLOCK);
        int32_t *to = (int32_t *)(void *)columns; /* a group is a multiple of four bytes */
        __asm__("" : "+r"(to));                   /* or GCC 12 gives VST4 a step that it cannot take */
        vst4q_s32(to, four);
        columns += group;
    }
}

void kws_mve_columns_pointwise(const kws_conv *layer, const int8_t *input, uint32_t pixel, void *columns) {
    const uint32_t plane = layer->window.in_plane, depth = layer->depth, count = kws_mve_count(plane, pixel);
    const uint32_t rest = depth % 16u, group = 4u * depth;
    const int8_t *x = input + pixel;
    int8_t *to = (int8_t *)columns;
    for (uint32_t left = depth / 16u; left > 0; left--) {
        kws_mve_turn(x, plane, count, to, group);
        x += 16u * plane;
        to += 64;
    }
    const uint32x4_t places = vmulq_n_u32(vidupq_n_u32(0, 1), rest);
    for (uint32_t left = rest; left > 0; left--) {
        for (uint32_t i = 0; i < count; i += 4u) { /* `i` times a group's bytes for each four pixels */
            vstrbq_scatter_offset_s32(to + i * depth, places, vldrbq_z_s32(x + i, vctp32q(count - i)));
        }
        x += plane;
        to++;
    }
}
#else
typedef int kws_nothing_to_compile; /* C wants a declaration in every file */
#endif
