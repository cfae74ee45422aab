/* Depthwise convolution with a 3x3 window, stride and dilation 1, over planes of five columns with one of padding at
 * each side: what a first layer of stride 2 makes of ten features. */
#include "kws_depthwise_holds.h"
#include "kws_mve_lines.h"
#include "kws_nine_taps.h"
#include "kws_offsets.h"
#include "kws_plane.h"

#if defined(__thumb2__) && defined(__GNUC__) && !KWS_MVE
#define KWS_FIVE 1
#else
#define KWS_FIVE 0
#endif

#if KWS_FIVE
#define KWS_COLUMNS 5

/* What the assembly needs of one channel, doubled taps and bias, so that sums are what the upper half of a product
 * wants. The columns beside the plane are not there: their taps times the zero point are in the first and last bias. */
typedef struct {
#if KWS_DSP
    uint32_t outer[3];  /* 0: the first and the last tap of each row of the window, as int16 */
    uint32_t middle[2]; /* 12: the middle taps of rows 0 and 1, and of row 2 */
#else
    int32_t taps[9]; /* 0 */
#endif
    int32_t bias[3];                  /* of the first, the inner and the last output of a line */
    int32_t multiplier, round, shift; /* as kws_scale_of has them */
    const int8_t *end;                /* where the line behind the last begins */
} kws_five;

/* One line of outputs r4 to r8, requantised, to r1; job at sp. Three constants begin at `at`; lr is free. */
#define KWS_FIVE_STORE(at0, at1, at2, at3)                                                                       \
    "ldr r9, [sp, #" at0 "]\n\t"                                                                                 \
    "ldr r10, [sp, #" at1 "]\n\t"                                                                                \
    "ldr r11, [sp, #" at2 "]\n\t"                                                                                \
    "add r0, r0, #5\n\t" KWS_FIVE_FINISH("r4") KWS_FIVE_FINISH("r5") KWS_FIVE_FINISH("r6") KWS_FIVE_FINISH("r7") \
        KWS_FIVE_FINISH("r8") "ldr lr, [sp, #" at3 "]\n\t"                                                       \
                              "strb r4, [r1], #1\n\t"                                                            \
                              "strb r5, [r1], #1\n\t"                                                            \
                              "strb r6, [r1], #1\n\t"                                                            \
                              "strb r7, [r1], #1\n\t"                                                            \
                              "strb r8, [r1], #1\n\t"                                                            \
                              "cmp r0, lr\n\t"                                                                   \
                              "bne.w 1b\n\t"

#if KWS_DSP
KWS_CHECK_OFFSET(kws_five, outer, 0);
KWS_CHECK_OFFSET(kws_five, middle, 12);
KWS_CHECK_OFFSET(kws_five, bias, 20);
KWS_CHECK_OFFSET(kws_five, multiplier, 32);
KWS_CHECK_OFFSET(kws_five, round, 36);
KWS_CHECK_OFFSET(kws_five, shift, 40);
KWS_CHECK_OFFSET(kws_five, end, 44);

/* kws_requantize_saturating of a doubled sum: the rounding constant rides on SMMLAR and the sign is that of the sum. */
#define KWS_FIVE_FINISH(x)              \
    "smmlar lr, " x ", r9, r10\n\t"     \
    "add " x ", lr, " x ", asr #31\n\t" \
    "asr " x ", " x ", r11\n\t"         \
    "ssat " x ", #8, " x "\n\t"

/* A row of the window, its five inputs at `at`: 0 and 2, 1 and 3 as int16 in r9 and r10, 4 in r11. `outer` holds two
 * taps, lr the middle one in its half `m`, B or T. Loads are together, since those that follow another take one cycle;
 * `inner` is what the outputs between the outer ones are added to. */
#define KWS_FIVE_ROW(at, at4, more, outer, m, inner6, inner7)         \
    "ldr r9, [r0, #" at "]\n\t"                                       \
    "ldrsb r11, [r0, #" at4 "]\n\t" more "sxtb16 r10, r9, ror #8\n\t" \
    "sxtb16 r9, r9\n\t"                                               \
    "smlab" m " r4, r9, lr, r4\n\t"                                   \
    "smlabt r4, r10, " outer ", r4\n\t"                               \
    "smlad r6, r10, " outer ", " inner6 "\n\t"                        \
    "smlatb r7, r9, " outer ", " inner7 "\n\t"                        \
    "smlad r5, r9, " outer ", r5\n\t"                                 \
    "smlat" m " r6, r9, lr, r6\n\t"                                   \
    "smlat" m " r7, r10, lr, r7\n\t"                                  \
    "smlab" m " r5, r10, lr, r5\n\t"                                  \
    "smlabt r7, r11, " outer ", r7\n\t"                               \
    "smlatb r8, r10, " outer ", r8\n\t"                               \
    "smlab" m " r8, r11, lr, r8\n\t"

/* Every line of a channel whose inputs, with a line of padding above and below, are at x. */
__attribute__((naked, noinline)) static void kws_five_lines(const kws_five *job __attribute__((unused)),
                                                            const int8_t *x __attribute__((unused)),
                                                            int8_t *output __attribute__((unused))) {
    __asm__("push {r4-r11, lr}\n\t"
            "sub sp, sp, #48\n\t"
            "mov r12, sp\n\t"
            "ldm r0!, {r3-r8}\n\t"
            "stm r12!, {r3-r8}\n\t"
            "ldm r0, {r3-r8}\n\t"
            "stm r12, {r3-r8}\n\t"
            "mov r0, r1\n\t"
            "mov r1, r2\n\t"
            "ldr r2, [sp]\n\t"
            "ldr r3, [sp, #4]\n\t"
            "ldr r12, [sp, #8]\n"
            "1:\n\t" /* clang-format off */
            KWS_FIVE_ROW("0", "4",
                         "ldr lr, [sp, #12]\n\t"
                         "ldr r4, [sp, #20]\n\t"
                         "ldr r5, [sp, #24]\n\t"
                         "ldr r8, [sp, #28]\n\t", "r2", "b", "r5", "r5")
            KWS_FIVE_ROW("5", "9", "", "r3", "t", "r6", "r7")
            KWS_FIVE_ROW("10", "14", "ldr lr, [sp, #16]\n\t", "r12", "t", "r6", "r7")
            KWS_FIVE_STORE("32", "36", "40", "44")
            "add sp, sp, #48\n\t"
            "pop {r4-r11, pc}"); /* clang-format on */
}

static inline void kws_set_taps(kws_five *job, const int8_t *t) {
    const kws_nine_taps n = kws_nine_taps_of(t);
    job->outer[0] = n.t02;
    job->outer[1] = n.t35;
    job->outer[2] = n.t68;
    job->middle[0] = kws_lower_halves(n.t13, n.t46);
    job->middle[1] = n.t57;
}
#else
KWS_CHECK_OFFSET(kws_five, taps, 0);
KWS_CHECK_OFFSET(kws_five, bias, 36);
KWS_CHECK_OFFSET(kws_five, multiplier, 48);
KWS_CHECK_OFFSET(kws_five, round, 52);
KWS_CHECK_OFFSET(kws_five, shift, 56);
KWS_CHECK_OFFSET(kws_five, end, 60);

/* The same without SMMLAR. */
#define KWS_FIVE_FINISH(x)                 \
    "smull lr, " x ", " x ", r9\n\t"       \
    "add " x ", " x ", lr, lsr #31\n\t"    \
    "add " x ", " x ", " x ", asr #31\n\t" \
    "add " x ", " x ", r10\n\t"            \
    "asr " x ", " x ", r11\n\t"            \
    "ssat " x ", #8, " x "\n\t"

/* A row of the window: inputs r2, r3, r12, lr and r2 again, taps r9 to r11. */
#define KWS_FIVE_ROW(x0, x1, x2, x3, x4, t0, t1, t2, more, inner6, inner7) \
    "ldrsb r2, [r0, #" x0 "]\n\t"                                          \
    "ldrsb r3, [r0, #" x1 "]\n\t"                                          \
    "ldrsb r12, [r0, #" x2 "]\n\t"                                         \
    "ldrsb lr, [r0, #" x3 "]\n\t"                                          \
    "ldr r9, [sp, #" t0 "]\n\t"                                            \
    "ldr r10, [sp, #" t1 "]\n\t"                                           \
    "ldr r11, [sp, #" t2 "]\n\t" more "mla r4, r2, r10, r4\n\t"            \
    "mla r4, r3, r11, r4\n\t"                                              \
    "mla r6, r3, r9, " inner6 "\n\t"                                       \
    "mla r6, r12, r10, r6\n\t"                                             \
    "mla r6, lr, r11, r6\n\t"                                              \
    "mla r7, r12, r9, " inner7 "\n\t"                                      \
    "mla r7, lr, r10, r7\n\t"                                              \
    "mla r5, r2, r9, r5\n\t"                                               \
    "mla r5, r3, r10, r5\n\t"                                              \
    "mla r5, r12, r11, r5\n\t"                                             \
    "mla r8, lr, r9, r8\n\t"                                               \
    "ldrsb r2, [r0, #" x4 "]\n\t"                                          \
    "mla r7, r2, r11, r7\n\t"                                              \
    "mla r8, r2, r10, r8\n\t"

__attribute__((naked, noinline)) static void kws_five_lines(const kws_five *job __attribute__((unused)),
                                                            const int8_t *x __attribute__((unused)),
                                                            int8_t *output __attribute__((unused))) {
    __asm__("push {r4-r11, lr}\n\t"
            "sub sp, sp, #64\n\t"
            "mov r12, sp\n\t"
            "ldm r0!, {r3-r10}\n\t"
            "stm r12!, {r3-r10}\n\t"
            "ldm r0, {r3-r10}\n\t"
            "stm r12, {r3-r10}\n\t"
            "mov r0, r1\n\t"
            "mov r1, r2\n"
            "1:\n\t" /* clang-format off */
            KWS_FIVE_ROW("0", "1", "2", "3", "4", "0", "4", "8",
                         "ldr r4, [sp, #36]\n\t"
                         "ldr r5, [sp, #40]\n\t"
                         "ldr r8, [sp, #44]\n\t", "r5", "r5")
            KWS_FIVE_ROW("5", "6", "7", "8", "9", "12", "16", "20", "", "r6", "r7")
            KWS_FIVE_ROW("10", "11", "12", "13", "14", "24", "28", "32", "", "r6", "r7")
            KWS_FIVE_STORE("48", "52", "56", "60")
            "add sp, sp, #64\n\t"
            "pop {r4-r11, pc}"); /* clang-format on */
}

static inline void kws_set_taps(kws_five *job, const int8_t *t) {
    for (int i = 0; i < 9; i++) {
        job->taps[i] = 2 * t[i];
    }
}
#endif

static inline void kws_copy_sixteen(int8_t *to, const int8_t *from) {
    uint32_t a, b, c, d;
    __asm__ volatile("ldr %[a], [%[from]]\n\t"
                     "ldr %[b], [%[from], #4]\n\t"
                     "ldr %[c], [%[from], #8]\n\t"
                     "ldr %[d], [%[from], #12]\n\t"
                     "str %[a], [%[to]]\n\t"
                     "str %[b], [%[to], #4]\n\t"
                     "str %[c], [%[to], #8]\n\t"
                     "str %[d], [%[to], #12]"
                     : [a] "=&r"(a), [b] "=&r"(b), [c] "=&r"(c), [d] "=&r"(d)
                     : [from] "r"(from), [to] "r"(to)
                     : "memory");
}

/* The last sixteen bytes end with the plane. */
static inline void kws_copy_plane(int8_t *to, const int8_t *from, int32_t bytes) {
    if (bytes < 16) {
        for (; bytes > 0; bytes--) {
            *to++ = *from++;
        }
        return;
    }
    const int8_t *last = from + bytes - 16;
    for (; from < last; from += 16) {
        kws_copy_sixteen(to, from);
        to += 16;
    }
    kws_copy_sixteen(to - (from - last), last);
}

static void kws_fill_lines(int8_t *lines, int32_t count, int8_t value) {
    for (int32_t i = 0; i < count * KWS_COLUMNS; i++) {
        lines[i] = value;
    }
}

static void kws_every_channel(const kws_depthwise *layer, const int8_t *input, int8_t *output, int8_t *lines) {
    const kws_window *w = &layer->window;
    const int32_t height = w->out_height + 2, zero = w->zero_point;
    int32_t from, to, skip;
    kws_overlap(w->first_y, height, w->in_height, &from, &to, &skip);
    lines += (0u - (uint32_t)from * KWS_COLUMNS) % 4u; /* so that the inputs are aligned */
    kws_fill_lines(lines, from, w->zero_point);
    kws_fill_lines(lines + to * KWS_COLUMNS, height - to, w->zero_point);
    int8_t *unpacked = lines + height * KWS_COLUMNS;
    const uint8_t *code = layer->weights;
    kws_five job;
    job.end = lines + w->out_height * KWS_COLUMNS;
    input += skip * KWS_COLUMNS;
    for (uint32_t channel = 0; channel < layer->channels; channel++) {
        const int8_t *t = kws_next_nine(layer, &code, unpacked);
        const kws_scale scale = kws_scale_of(&layer->output, channel);
        kws_set_taps(&job, t);
        job.bias[0] = scale.doubled + 2 * zero * (t[0] + t[3] + t[6]);
        job.bias[1] = scale.doubled;
        job.bias[2] = scale.doubled + 2 * zero * (t[2] + t[5] + t[8]);
        job.multiplier = scale.multiplier;
        job.round = scale.round;
        job.shift = scale.shift;
        kws_copy_plane(lines + from * KWS_COLUMNS, input, (to - from) * KWS_COLUMNS);
        kws_five_lines(&job, lines, output);
        input += w->in_plane;
        output += w->out_plane;
    }
}
#endif

/* Saturating output. Inputs are copied to scratch as they are, a line of padding above and below where the window has
 * any.
 */
kws_status kws_depthwise_five(const kws_depthwise *layer, const int8_t *input, int8_t *output, void *scratch) {
    if (!KWS_DEPTHWISE_HOLDS(layer, input, output) || scratch == NULL || !layer->output.saturating ||
        layer->multiplier != 1 || layer->window.in_width != 5 || layer->window.out_width != 5) {
        return KWS_ERROR_ARGUMENT;
    }
#if KWS_FIVE
    kws_every_channel(layer, input, output, (int8_t *)scratch);
    return KWS_OK;
#elif KWS_MVE
    kws_mve_plan plan; /* which fits that scratch */
    return kws_mve_depthwise_plan(layer, kws_depthwise_five_get_buffer_size(layer), &plan)
               ? kws_mve_depthwise(layer, &plan, input, output, scratch)
               : KWS_ERROR_ARGUMENT;
#else
    return kws_depthwise_3x3(layer, input, output, scratch);
#endif
}
