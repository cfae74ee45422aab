/* Copying the inputs of one channel into the padded plane. */
#include "kws_plane.h"
#include "kws_widen.h"

#if defined(__thumb2__) && defined(__GNUC__)
/* Four inputs; loads that follow each other take one cycle, which compilers do not keep together by themselves. */
#define FOUR                                  \
    "ldrsb %[a], [%[x]]\n\t"                  \
    "ldrsb %[b], [%[x], %[step]]\n\t"         \
    "ldrsb %[c], [%[x], %[step], lsl #1]\n\t" \
    "ldrsb %[d], [%[x3]]\n\t"                 \
    "strh %[a], [%[y]], #2\n\t"               \
    "strh %[b], [%[y]], #2\n\t"               \
    "strh %[c], [%[y]], #2\n\t"               \
    "strh %[d], [%[y]], #2\n\t"               \
    "add %[x], %[x], %[step], lsl #2\n\t"     \
    "add %[x3], %[x3], %[step], lsl #2\n\t"
#endif

static inline void kws_copy_line(const int8_t *x, int32_t step, int32_t count, int16_t *y) {
#if defined(__thumb2__) && defined(__GNUC__)
    const int8_t *x3 = x + 3 * step;
    int32_t a, b, c, d;
    __asm__ volatile("subs %[left], %[left], #8\n\t"
                     "blt 2f\n"
                     "1:\n\t" FOUR FOUR "subs %[left], %[left], #8\n\t"
                     "bge 1b\n"
                     "2:\n\t"
                     "adds %[left], %[left], #4\n\t"
                     "blt 3f\n\t" FOUR "subs %[left], %[left], #4\n"
                     "3:\n\t"
                     "adds %[left], %[left], #4\n\t"
                     "beq 5f\n"
                     "4:\n\t"
                     "ldrsb %[a], [%[x]]\n\t"
                     "add %[x], %[x], %[step]\n\t"
                     "strh %[a], [%[y]], #2\n\t"
                     "subs %[left], %[left], #1\n\t"
                     "bne 4b\n"
                     "5:"
                     : [x] "+&r"(x), [x3] "+&r"(x3), [y] "+&r"(y), [left] "+&r"(count), [a] "=&r"(a), [b] "=&r"(b),
                       [c] "=&r"(c), [d] "=&r"(d)
                     : [step] "r"(step)
                     : "memory", "cc");
#else
    for (; count > 0; count--) {
        *y++ = *x;
        x += step;
    }
#endif
}

void kws_plane_load(const kws_plane *plane, const int8_t *input, int16_t *padded) {
    const int8_t *from = input + plane->major_skip * plane->in_major_step + plane->minor_skip * plane->in_minor_step;
    int16_t *to = padded + plane->major_from * plane->pitch + plane->minor_from;
    const int32_t count = plane->minor_to - plane->minor_from;
#if KWS_DSP
    if (plane->in_minor_step == 1) {
        for (int32_t lines = plane->major_to - plane->major_from; lines > 0; lines--) {
            kws_widen(from, count, to);
            from += plane->in_major_step;
            to += plane->pitch;
        }
        return;
    }
#endif
    for (int32_t lines = plane->major_to - plane->major_from; lines > 0; lines--) {
        kws_copy_line(from, plane->in_minor_step, count, to);
        from += plane->in_major_step;
        to += plane->pitch;
    }
}
