/* Depthwise convolution that reads the inputs where they lie: no padded plane, each place of the output by itself. */
#include "kws_offsets.h"
#include "kws_requantize.h"

#if KWS_ROW_PAIRS
/* One place of the output for every channel; `at` counts channels up to zero. */
typedef struct {
    const int32_t *bias, *multiplier; /* 0, 4: behind the last channel's */
    const int8_t *shift;              /* 8 */
    int32_t in_step, taps_step;       /* 12, 16: from one channel to the next */
    int32_t out_step, channels_step;  /* 20, 24 */
    int32_t zero;                     /* 28: twice the zero point of the output, and one */
    uint32_t rows;          /* 32: rows of the window that are seen, and in the upper half whole words of each */
    const int8_t *x, *taps; /* 36, 40 */
    int8_t *output;         /* 44 */
    int32_t at;             /* 48 */
    uint32_t mask;          /* 52: the bytes that are seen of the last word of a row */
    uint32_t offsets;       /* 56: minus the zero point of the input, twice */
    int32_t pitch, next;    /* 60, 64: from one row of inputs and of taps to the next */
} kws_spot;
KWS_CHECK_OFFSET(kws_spot, bias, 0);
KWS_CHECK_OFFSET(kws_spot, multiplier, 4);
KWS_CHECK_OFFSET(kws_spot, shift, 8);
KWS_CHECK_OFFSET(kws_spot, in_step, 12);
KWS_CHECK_OFFSET(kws_spot, taps_step, 16);
KWS_CHECK_OFFSET(kws_spot, out_step, 20);
KWS_CHECK_OFFSET(kws_spot, channels_step, 24);
KWS_CHECK_OFFSET(kws_spot, zero, 28);
KWS_CHECK_OFFSET(kws_spot, rows, 32);
KWS_CHECK_OFFSET(kws_spot, x, 36);
KWS_CHECK_OFFSET(kws_spot, taps, 40);
KWS_CHECK_OFFSET(kws_spot, output, 44);
KWS_CHECK_OFFSET(kws_spot, at, 48);
KWS_CHECK_OFFSET(kws_spot, mask, 52);
KWS_CHECK_OFFSET(kws_spot, offsets, 56);
KWS_CHECK_OFFSET(kws_spot, pitch, 60);
KWS_CHECK_OFFSET(kws_spot, next, 64);

/* Four products of the taps in r7 and the inputs in r8. */
#define KWS_FOUR                      \
    "sxtb16 r9, r7\n\t"               \
    "sxtab16 r10, r5, r8\n\t"         \
    "smlad r6, r9, r10, r6\n\t"       \
    "sxtb16 r9, r7, ror #8\n\t"       \
    "sxtab16 r10, r5, r8, ror #8\n\t" \
    "smlad r6, r9, r10, r6\n\t"
#define KWS_ROW(taps, inputs)      \
    "ldr.w r7, [r1" taps "]\n\t"   \
    "ldr.w r8, [r0" inputs "]\n\t" \
    "and.w r7, r7, r4\n\t" KWS_FOUR

/* r0 inputs, r1 taps, r2 output, r3 channel, r4 mask, r5 offsets, r6 sum, r11 and r12 pitch and next, lr where a
 * channel begins. Up to three rows of at most a word are laid out. Requantised as in kws_fc_dense_pairs.c. */
__attribute__((naked, noinline)) static void kws_every_channel(const kws_spot *spot __attribute__((unused))) {
    __asm__(".syntax unified\n\t"
            "push {r4-r11, lr}\n\t"
            "mov r12, r0\n\t"
            "ldm r12!, {r0-r8}\n\t"
            "push {r0-r8}\n\t"
            "mov r9, r8\n\t"
            "ldm r12, {r0-r5, r11, r12}\n\t"
            "adr lr, 1f\n\t"
            "cmp r9, #3\n\t"
            "beq 0f\n\t"
            "adr lr, 2f\n\t"
            "cmp r9, #2\n\t"
            "beq 0f\n\t"
            "adr lr, 3f\n\t"
            "cmp r9, #1\n\t"
            "beq 0f\n\t"
            "adr lr, 5f\n"
            "0:\n\t"
            "add lr, lr, #1\n\t" /* Thumb */
            "movs r6, #0\n\t"
            "bx lr\n\t"
            ".balign 4\n"
            "1:\n\t" KWS_ROW(
                ", r12, lsl #1",
                ", r11, lsl #1") ".balign 4\n"
                                 "2:\n\t" KWS_ROW(
                                     ", r12", ", r11") ".balign 4\n"
                                                       "3:\n\t" KWS_ROW(
                                                           "", "") "4:\n\t"
                                                                   "ldm.w sp, {r7, r8, r9}\n\t"
                                                                   "ldr r7, [r7, r3, lsl #2]\n\t"
                                                                   "ldr r8, [r8, r3, lsl #2]\n\t"
                                                                   "ldrsb r9, [r9, r3]\n\t"
                                                                   "ldr r10, [sp, #28]\n\t"
                                                                   "add r6, r6, r7\n\t"
                                                                   "lsls r6, r6, #1\n\t"
                                                                   "mvn r9, r9\n\t"
                                                                   "lsl r10, r10, r9\n\t"
                                                                   "smmlar r7, r6, r8, r10\n\t"
                                                                   "add r7, r7, r6, asr #31\n\t"
                                                                   "asr r7, r7, r9\n\t"
                                                                   "ssat r7, #8, r7, asr #1\n\t"
                                                                   "strb r7, [r2]\n\t"
                                                                   "ldrd r7, r8, [sp, #12]\n\t"
                                                                   "ldrd r9, r10, [sp, #20]\n\t"
                                                                   "add r0, r0, r7\n\t"
                                                                   "add r1, r1, r8\n\t"
                                                                   "movs r6, #0\n\t"
                                                                   "add r2, r2, r9\n\t"
                                                                   "adds r3, r3, r10\n\t"
                                                                   "it ne\n\t"
                                                                   "bxne lr\n\t"
                                                                   "add sp, sp, #36\n\t"
                                                                   "pop {r4-r11, pc}\n\t"
                                                                   ".balign 4\n"
                                                                   "5:\n\t" /* more rows, or longer ones */
                                                                   "ldr r9, [sp, #32]\n\t"
                                                                   "push {r0, r1, r3, lr}\n\t"
                                                                   "mov lr, r9\n"
                                                                   "6:\n\t"
                                                                   "lsrs r3, lr, #16\n\t"
                                                                   "beq 8f\n"
                                                                   "7:\n\t"
                                                                   "ldr r7, [r1], #4\n\t"
                                                                   "ldr r8, [r0], #4\n\t" KWS_FOUR "subs r3, r3, #1\n\t"
                                                                   "bne 7b\n"
                                                                   "8:\n\t" KWS_ROW("", "") "lsr r3, lr, #16\n\t"
                                                                                            "add r0, r0, r11\n\t"
                                                                                            "add r1, r1, r12\n\t"
                                                                                            "sub r0, r0, r3, lsl #2\n\t"
                                                                                            "sub r1, r1, r3, lsl #2\n\t"
                                                                                            "sub lr, lr, #1\n\t"
                                                                                            "lsls r3, lr, #16\n\t"
                                                                                            "bne 6b\n\t"
                                                                                            "pop {r0, r1, r3, lr}\n\t"
                                                                                            "b 4b");
}

/* What one output sees along an axis: `count` taps from `from` on, the first over input `start`. */
typedef struct {
    int32_t from, count, start;
} kws_seen;

static kws_seen kws_see(int32_t first, int32_t taps, int32_t dilation, int32_t size) {
    const int32_t from = first < 0 ? (dilation - 1 - first) / dilation : 0;
    const int32_t end = first < size ? (size - first + dilation - 1) / dilation : 0, to = end < taps ? end : taps;
    const kws_seen seen = {from, to > from ? to - from : 0, first + from * dilation};
    return seen;
}

/* One output, input by input. */
static int32_t kws_by_bytes(const kws_spot *spot, const int8_t *x, const int8_t *taps, int32_t bytes, int32_t zero) {
    int32_t sum = 0;
    for (uint32_t rows = spot->rows & 0xffffu; rows > 0; rows--) {
        for (int32_t i = 0; i < bytes; i++) {
            sum += taps[i] * (x[i] - zero);
        }
        x += spot->pitch;
        taps += spot->next;
    }
    return sum;
}

/* How many of the last planes of `size` bytes words that end `beyond` bytes behind a plane reach out of. */
static int32_t kws_reached(int32_t beyond, int32_t size) {
    return beyond > 0 ? (beyond + size - 1) / size : 0;
}

/* What of a window is seen: `bytes` of each of `rows` rows, the first at `x` under tap `tap`. */
typedef struct {
    int32_t rows, bytes, x, tap;
} kws_view;

/* How many of the last channels are left to kws_by_bytes, since their words may end behind the tensors. */
static int32_t kws_left_over(const kws_depthwise *layer, const kws_spot *spot, const kws_view *view) {
    const kws_window *w = &layer->window;
    const int32_t taps = w->height * w->width, end = (view->bytes + 3) / 4 * 4;
    const int32_t by_inputs = kws_reached(view->x + (view->rows - 1) * spot->pitch + end - w->in_plane, w->in_plane);
    const int32_t by_taps =
        kws_reached(view->tap + (view->rows - 1) * spot->next + end - taps, taps * layer->multiplier);
    const int32_t most = by_inputs > by_taps ? by_inputs : by_taps;
    return most < layer->channels ? most : layer->channels;
}

/* A place of every channel's output. */
static void kws_one_place(const kws_depthwise *layer, kws_spot *spot, kws_view view, const int8_t *input,
                          int8_t *output) {
    const kws_window *w = &layer->window;
    const kws_requant *q = &layer->output;
    const int32_t each = layer->multiplier, taps = w->height * w->width;
    const int seen = view.rows > 0 && view.bytes > 0;
    if (!seen) { /* a word of which nothing counts */
        const kws_view nothing = {1, 1, 0, 0};
        view = nothing;
    }
    const int32_t in_blocks = layer->channels - kws_left_over(layer, spot, &view);
    spot->rows = (uint32_t)view.rows | (uint32_t)((view.bytes - 1) / 4) << 16;
    spot->mask = seen ? ~0u >> (8 * (3 - (view.bytes + 3) % 4)) : 0;
    /* the kernel's loop is over the more numerous: channels, or the outputs of one */
    const int many = each > layer->channels;
    const int32_t turns = many ? in_blocks : each, apart = many ? each : 1, count = many ? each : in_blocks * each;
    spot->x = input + view.x;
    spot->taps = (const int8_t *)layer->weights + view.tap;
    spot->output = output;
    spot->at = -count;
    for (int32_t i = 0; i < turns && in_blocks > 0; i++) {
        spot->bias = q->bias + count + i * apart;
        spot->multiplier = q->multiplier + count + i * apart;
        spot->shift = q->shift + count + i * apart;
        kws_every_channel(spot);
        spot->x += many ? w->in_plane : 0;
        spot->taps += apart * taps;
        spot->output += apart * w->out_plane;
    }
    for (int32_t c = in_blocks * each; c < layer->channels * each; c++) {
        const kws_scale scale = kws_scale_of(q, (uint32_t)c);
        const int8_t *const t = (const int8_t *)layer->weights + view.tap + c * taps;
        const int8_t *const x = input + view.x + c / each * w->in_plane;
        const int32_t sum = kws_by_bytes(spot, x, t, seen ? view.bytes : 0, w->zero_point);
        output[c * w->out_plane] = (int8_t)kws_requantize_saturating(sum, &scale);
    }
}

static void kws_every_place(const kws_depthwise *layer, const int8_t *input, int8_t *output) {
    const kws_window *w = &layer->window;
    const int32_t each = layer->multiplier;
    const int many = each > layer->channels;
    const int whole = w->first_x == 0 && w->width == w->in_width && w->out_width == 1 && w->dilation_y == 1;
    const int apart = w->dilation_x != 1; /* taps that are no neighbours are rows */
    kws_spot spot;
    spot.in_step = many ? 0 : w->in_plane;
    spot.taps_step = w->height * w->width * (many ? 1 : each);
    spot.out_step = w->out_plane * (many ? 1 : each);
    spot.channels_step = many ? 1 : each;
    spot.zero = 2 * layer->output.zero_point + 1;
    spot.offsets = ((uint32_t)-w->zero_point & 0xffffu) * 0x10001u;
    spot.pitch = apart ? w->dilation_x : w->dilation_y * w->in_width;
    spot.next = apart ? 1 : w->width;
    for (int32_t oy = 0; oy < w->out_height; oy++) {
        const kws_seen rows = kws_see(w->first_y + oy * w->stride_y, w->height, w->dilation_y, w->in_height);
        for (int32_t ox = 0; ox < w->out_width; ox++) {
            const kws_seen columns = kws_see(w->first_x + ox * w->stride_x, w->width, w->dilation_x, w->in_width);
            kws_view view = {rows.count, columns.count, rows.start * w->in_width + columns.start,
                             rows.from * w->width + columns.from};
            if (whole) { /* one row */
                view.rows = rows.count > 0;
                view.bytes = rows.count * columns.count;
            } else if (apart) {
                view.rows = columns.count;
                view.bytes = rows.count;
            }
            kws_one_place(layer, &spot, view, input, output++);
        }
    }
}
#endif

/* Saturating output and int8 taps; dilation along a row in windows of one row alone. With SMLAD the bias is the file's,
 * since zero points are taken from the inputs; elsewhere it is folded, as everywhere. Not in place. */
kws_status kws_depthwise_direct(const kws_depthwise *layer, const int8_t *input, int8_t *output, void *scratch) {
#if KWS_ROW_PAIRS
    if (layer == NULL || input == NULL || output == NULL || !layer->output.saturating || layer->unpack != NULL ||
        (layer->window.dilation_x != 1 && layer->window.height != 1)) {
        return KWS_ERROR_ARGUMENT;
    }
    (void)scratch;
    kws_every_place(layer, input, output);
    return KWS_OK;
#else
    return kws_depthwise_any(layer, input, output, scratch);
#endif
}
