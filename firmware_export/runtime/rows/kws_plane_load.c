/* Copying the inputs of one channel into the padded plane. */
#include "kws_plane.h"

/* Loads that follow each other take one cycle, which compilers do not keep together by themselves. */
static inline void kws_copy_four(const int8_t *x, int32_t step, int16_t *y) {
#if KWS_DSP
    const int8_t *last = x + 3 * step;
    int32_t first, second, third, fourth;
    __asm__ volatile("ldrsb %0, [%4]\n\t"
                     "ldrsb %1, [%4, %5]\n\t"
                     "ldrsb %2, [%4, %5, lsl #1]\n\t"
                     "ldrsb %3, [%6]\n\t"
                     "strh %0, [%7]\n\t"
                     "strh %1, [%7, #2]\n\t"
                     "strh %2, [%7, #4]\n\t"
                     "strh %3, [%7, #6]"
                     : "=&r"(first), "=&r"(second), "=&r"(third), "=&r"(fourth)
                     : "r"(x), "r"(step), "r"(last), "r"(y)
                     : "memory");
#else
    y[0] = x[0];
    y[1] = x[step];
    y[2] = x[2 * step];
    y[3] = x[3 * step];
#endif
}

void kws_plane_load(const kws_plane *plane, const int8_t *input, int16_t *padded) {
    const int8_t *from = input + plane->major_skip * plane->in_major_step + plane->minor_skip * plane->in_minor_step;
    int16_t *to = padded + plane->major_from * plane->pitch + plane->minor_from;
    const int32_t count = plane->minor_to - plane->minor_from;
    const int32_t step = plane->in_minor_step;
    for (int32_t major = plane->major_from; major < plane->major_to; major++) {
        const int8_t *x = from;
        int16_t *y = to;
        int32_t left = count;
        for (; left >= 4; left -= 4) {
            kws_copy_four(x, step, y);
            x += 4 * step;
            y += 4;
        }
        for (; left > 0; left--) {
            *y++ = *x;
            x += step;
        }
        from += plane->in_major_step;
        to += plane->pitch;
    }
}
