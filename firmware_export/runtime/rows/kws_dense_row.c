/* One row of int8 weights against eight pixels, in C. */
#include "kws_dense_row.h"

#if !KWS_PAIRED && defined(__GNUC__)
/* Adds `count` weights times the columns of eight pixels to nothing. Of Armv6-M's registers the lower ones alone load
 * and multiply, but all of them add: r6, r7, r8 to r12 and lr hold the sums, r0 walks the columns, r4 the weights. */
#define TWO_PIXELS(x, first, second) \
    "sxth r5, " x "\n\t"             \
    "muls r5, r1\n\t"                \
    "add " first ", r5\n\t"          \
    "asrs " x ", " x ", #16\n\t"     \
    "muls " x ", r1\n\t"             \
    "add " second ", " x "\n\t"
__attribute__((naked, noinline)) static void kws_add_up(const kws_lane *columns __attribute__((unused)),
                                                        const int8_t *weights __attribute__((unused)),
                                                        uint32_t count __attribute__((unused)),
                                                        int32_t sums[KWS_BLOCK] __attribute__((unused))) {
    __asm__(".syntax unified\n\t"
            "push {r4-r7, lr}\n\t"
            "mov r4, r8\n\t"
            "mov r5, r9\n\t"
            "mov r6, r10\n\t"
            "mov r7, r11\n\t"
            "push {r3-r7}\n\t"
            "adds r2, r1, r2\n\t"
            "push {r2}\n\t"
            "mov r4, r1\n\t"
            "movs r6, #0\n\t"
            "movs r7, #0\n\t"
            "mov r8, r6\n\t"
            "mov r9, r6\n\t"
            "mov r10, r6\n\t"
            "mov r11, r6\n\t"
            "mov r12, r6\n\t"
            "mov lr, r6\n"
            "1:\n\t"
            "movs r1, #0\n\t"
            "ldrsb r1, [r4, r1]\n\t"
            "adds r4, #1\n\t"
            "ldm r0!, {r2, r3}\n\t" TWO_PIXELS("r2", "r6", "r7")
                TWO_PIXELS("r3", "r8", "r9") "ldm r0!, {r2, r3}\n\t" TWO_PIXELS("r2", "r10", "r11")
                    TWO_PIXELS("r3", "r12", "lr") "ldr r5, [sp]\n\t"
                                                  "cmp r4, r5\n\t"
                                                  "bne 1b\n\t"
                                                  "pop {r2, r3}\n\t"
                                                  "stm r3!, {r6, r7}\n\t"
                                                  "mov r0, r8\n\t"
                                                  "mov r1, r9\n\t"
                                                  "mov r2, r10\n\t"
                                                  "mov r4, r11\n\t"
                                                  "mov r5, r12\n\t"
                                                  "mov r6, lr\n\t"
                                                  "stm r3!, {r0, r1, r2, r4, r5, r6}\n\t"
                                                  "pop {r4-r7}\n\t"
                                                  "mov r8, r4\n\t"
                                                  "mov r9, r5\n\t"
                                                  "mov r10, r6\n\t"
                                                  "mov r11, r7\n\t"
                                                  "pop {r4-r7, pc}");
}
#else
static void kws_add_up(const kws_lane *columns, const int8_t *weights, uint32_t count, int32_t sums[KWS_BLOCK]) {
    for (uint32_t i = 0; i < KWS_BLOCK; i++) {
        sums[i] = 0;
    }
    while (count > 0) {
        const uint32_t part = count < KWS_SEGMENT ? count : KWS_SEGMENT;
        kws_sums lanes = {0, 0, 0, 0, 0, 0, 0, 0};
        int32_t sum[KWS_BLOCK];
        for (uint32_t left = part; left > 0; left--) {
            kws_accumulate(&lanes, columns, *weights++);
            columns += KWS_LANES;
        }
        kws_spread(&lanes, sum);
        for (uint32_t i = 0; i < KWS_BLOCK; i++) {
            sums[i] += sum[i];
        }
        count -= part;
    }
}
#endif

void kws_dense_row(const kws_conv *layer, uint32_t channel, const int8_t *weights, const kws_lane *columns, int8_t *out,
                   uint32_t count) {
    int32_t sums[KWS_BLOCK];
    kws_add_up(columns, weights, layer->depth, sums);
    const kws_scale scale = kws_scale_of(&layer->output, channel);
    for (uint32_t i = 0; i < count; i++) {
        out[i] = kws_requantize(sums[i], &scale, &layer->output);
    }
}
