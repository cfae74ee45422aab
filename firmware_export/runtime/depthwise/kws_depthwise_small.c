/* Depthwise convolution with a 3x3 window whose lines give at most three outputs: the last maps of a network. */
#include "kws_depthwise_holds.h"
#include "kws_nine_taps.h"
#include "kws_offsets.h"
#include "kws_plane.h"
#include "kws_small.h"
#include "kws_widen.h"

#if KWS_ROW_PAIRS
/* What the assembly needs of one channel: taps as kws_row_taps has them. */
typedef struct {
    uint32_t taps[6];                 /* 0 */
    int32_t doubled;                  /* 24: twice the bias */
    int32_t multiplier, round, shift; /* 28, 32, 36 */
    int8_t *output;                   /* 40: moves on */
    uint32_t width, lines;            /* 44, 48: outputs of a line; lines, counted down */
} kws_job;
KWS_CHECK_OFFSET(kws_job, taps, 0);
KWS_CHECK_OFFSET(kws_job, doubled, 24);
KWS_CHECK_OFFSET(kws_job, multiplier, 28);
KWS_CHECK_OFFSET(kws_job, round, 32);
KWS_CHECK_OFFSET(kws_job, shift, 36);
KWS_CHECK_OFFSET(kws_job, output, 40);
KWS_CHECK_OFFSET(kws_job, width, 44);
KWS_CHECK_OFFSET(kws_job, lines, 48);

/* A row of the window under three outputs, r10 to r12, which are added to `a`, `b` and `c`; `first` and `last` hold its
 * taps. Inputs stand at r0 + `at`, two a word, each output's one or two further than the one before. */
#define KWS_SMALL_ROW_1(at0, at1, at2, more, first, last, a, b, c)          \
    "ldr r1, [r0, #" at0 "]\n\t"                                            \
    "ldr r2, [r0, #" at1 "]\n\t"                                            \
    "ldr lr, [r0, #" at2 "]\n\t" more "smlad r12, r2, " first ", " c "\n\t" \
    "smlatb r11, r1, " first ", " b "\n\t"                                  \
    "smlad r10, r1, " first ", " a "\n\t"                                   \
    "smlabt r12, lr, " last ", r12\n\t"                                     \
    "smlad r11, r2, " last ", r11\n\t"                                      \
    "smlabt r10, r2, " last ", r10\n\t"
#define KWS_SMALL_ROW_2(at0, at1, at2, at3, more, first, last, a, b, c)     \
    "ldr r1, [r0, #" at0 "]\n\t"                                            \
    "ldr r2, [r0, #" at1 "]\n\t"                                            \
    "ldr lr, [r0, #" at2 "]\n\t" more "smlad r12, lr, " first ", " c "\n\t" \
    "smlad r11, r2, " first ", " b "\n\t"                                   \
    "smlad r10, r1, " first ", " a "\n\t"                                   \
    "ldr r1, [r0, #" at3 "]\n\t"                                            \
    "smlabt r11, lr, " last ", r11\n\t"                                     \
    "smlabt r10, r2, " last ", r10\n\t"                                     \
    "smlabt r12, r1, " last ", r12\n\t"
#define KWS_SMALL_BIAS "ldr r10, [r3, #24]\n\t"
/* kws_requantize_saturating of a doubled sum: the rounding constant rides on SMMLAR and the sign is that of the sum. */
#define KWS_SMALL_FINISH(x)             \
    "smmlar r3, " x ", r1, r2\n\t"      \
    "add " x ", r3, " x ", asr #31\n\t" \
    "asr " x ", " x ", lr\n\t"          \
    "ssat " x ", #8, " x "\n\t"

/* Every line of a channel; r0 is the padded plane, r3 the job, which is at sp, r4 to r9 the taps. `further` is how
 * many bytes of it are passed from one line of outputs to the next. */
#define KWS_SMALL_EVERY_LINE(rows, further)                                         \
    __asm__("push {r0, r4-r11, lr}\n\t"                                             \
            "mov r3, r0\n\t"                                                        \
            "mov r0, r1\n\t"                                                        \
            "ldm r3, {r4-r9}\n"                                                     \
            "1:\n\t" rows "ldr r1, [r3, #28]\n\t"                                   \
            "ldr r2, [r3, #32]\n\t"                                                 \
            "ldr lr, [r3, #36]\n\t" KWS_SMALL_FINISH("r10") KWS_SMALL_FINISH("r11") \
                KWS_SMALL_FINISH("r12") "ldr r3, [sp]\n\t"                          \
                                        "ldr r1, [r3, #40]\n\t"                     \
                                        "ldr r2, [r3, #44]\n\t"                     \
                                        "ldr lr, [r3, #48]\n\t"                     \
                                        "strb r10, [r1]\n\t"                        \
                                        "cmp r2, #2\n\t"                            \
                                        "blo 2f\n\t"                                \
                                        "strb r11, [r1, #1]\n\t"                    \
                                        "beq 2f\n\t"                                \
                                        "strb r12, [r1, #2]\n"                      \
                                        "2:\n\t"                                    \
                                        "add r1, r1, r2\n\t"                        \
                                        "str r1, [r3, #40]\n\t"                     \
                                        "add r0, r0, #" further "\n\t"              \
                                        "subs lr, lr, #1\n\t"                       \
                                        "str lr, [r3, #48]\n\t"                     \
                                        "bne.w 1b\n\t"                              \
                                        "pop {r0, r4-r11, pc}")

__attribute__((naked, noinline)) static void kws_by_one(kws_job *job __attribute__((unused)),
                                                        const int16_t *padded __attribute__((unused))) {
    KWS_SMALL_EVERY_LINE(KWS_SMALL_ROW_1("0", "4", "8", KWS_SMALL_BIAS, "r4", "r5", "r10", "r10", "r10")
                             KWS_SMALL_ROW_1("12", "16", "20", "", "r6", "r7", "r10", "r11", "r12")
                                 KWS_SMALL_ROW_1("24", "28", "32", "", "r8", "r9", "r10", "r11", "r12"),
                         "12");
}

__attribute__((naked, noinline)) static void kws_by_two(kws_job *job __attribute__((unused)),
                                                        const int16_t *padded __attribute__((unused))) {
    KWS_SMALL_EVERY_LINE(KWS_SMALL_ROW_2("0", "4", "8", "12", KWS_SMALL_BIAS, "r4", "r5", "r10", "r10", "r10")
                             KWS_SMALL_ROW_2("16", "20", "24", "28", "", "r6", "r7", "r10", "r11", "r12")
                                 KWS_SMALL_ROW_2("32", "36", "40", "44", "", "r8", "r9", "r10", "r11", "r12"),
                         "32");
}

/* The inputs of a channel inside its padding. */
typedef struct {
    int32_t rows, count;  /* of inputs that are seen */
    int32_t first, width; /* where they begin in the input, and its width */
    int16_t *to;          /* where the first goes */
    int32_t pitch;
} kws_inside;

static inline void kws_load(const kws_inside *inside, const int8_t *input) {
    int16_t *to = inside->to;
    input += inside->first;
    for (int32_t rows = inside->rows; rows > 0; rows--) {
        kws_widen(input, inside->count, to);
        input += inside->width;
        to += inside->pitch;
    }
}

static kws_inside kws_inside_of(const kws_window *w, int32_t pitch, int16_t *padded) {
    int32_t y_from, y_to, y_skip, x_from, x_to, x_skip;
    kws_overlap(w->first_y, (w->out_height - 1) * w->stride_y + 3, w->in_height, &y_from, &y_to, &y_skip);
    kws_overlap(w->first_x, pitch, w->in_width, &x_from, &x_to, &x_skip);
    const kws_inside inside = {
        y_to - y_from, x_to - x_from, y_skip * w->in_width + x_skip, w->in_width, padded + y_from * pitch + x_from,
        pitch};
    return inside;
}

static void kws_every_channel(const kws_depthwise *layer, const int8_t *input, int8_t *output, int16_t *padded) {
    const kws_window *w = &layer->window;
    const int32_t pitch = KWS_SMALL_PITCH(w->stride_x), size = pitch * KWS_SMALL_ROWS(w);
    const kws_inside inside = kws_inside_of(w, pitch, padded);
    for (int32_t i = 0; i < size; i++) {
        padded[i] = w->zero_point;
    }
    const uint8_t *code = layer->weights;
    for (uint32_t channel = 0; channel < layer->channels; channel++) {
        const kws_nine_taps nine = kws_nine_taps_of(kws_next_nine(layer, &code, (int8_t *)(padded + size)));
        const kws_scale scale = kws_scale_of(&layer->output, channel);
        kws_job job;
        kws_row_taps(&nine, job.taps);
        job.doubled = scale.doubled;
        job.multiplier = scale.multiplier;
        job.round = scale.round;
        job.shift = scale.shift;
        job.output = output;
        job.width = w->out_width;
        job.lines = w->out_height;
        kws_load(&inside, input);
        if (w->stride_x == 1) {
            kws_by_one(&job, padded);
        } else {
            kws_by_two(&job, padded);
        }
        input += w->in_plane;
        output += w->out_plane;
    }
}
#endif

/* Strides of one or two, the same along both axes, and saturating output. The padded plane has lines of six or eight
 * int16 numbers. */
kws_status kws_depthwise_small(const kws_depthwise *layer, const int8_t *input, int8_t *output, void *scratch) {
    if (!KWS_DEPTHWISE_HOLDS(layer, input, output) || scratch == NULL || !layer->output.saturating ||
        layer->multiplier != 1 || layer->window.out_width > 3 || layer->window.stride_x > 2 ||
        layer->window.stride_x != layer->window.stride_y) {
        return KWS_ERROR_ARGUMENT;
    }
#if KWS_ROW_PAIRS
    kws_every_channel(layer, input, output, (int16_t *)scratch);
    return KWS_OK;
#else
    return layer->window.stride_x == 1 ? kws_depthwise_3x3(layer, input, output, scratch)
                                       : kws_depthwise_any(layer, input, output, scratch);
#endif
}
