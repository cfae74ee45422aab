/* Depthwise convolution with five or seven taps along a line. */
#include "kws_depthwise_holds.h"
#include "kws_lanes.h"
#include "kws_offsets.h"
#include "kws_mve_lines.h"
#include "kws_plane.h"
#include "kws_thumb2.h"

/* Five or seven taps along a line, two outputs at once as in kws_lanes.h: output i in the lower lane, output
 * i + half in the upper one, so a word holds the inputs `half` outputs apart. Where the stride is two, even and odd
 * inputs of a line are apart, and each part of the taps, even or odd, walks words that are neighbours. With stride
 * one the parts are the first and the other taps. Three words, six outputs, share every tap that is loaded.
 *
 * In memory each row of taps is followed by where to go next: the taps of the first part, the bytes from its words to
 * the second part's, the taps of that, and the bytes from there to the next line. */
typedef struct {
    int32_t outputs, half; /* of a line, and those of them in lower lanes */
    int32_t pitch;         /* words of a line */
    int32_t taps[2];       /* of each part */
    int32_t second;        /* where a line's words for the second part begin */
    int32_t rows;          /* of taps */
    int32_t step;          /* from one output to the next */
    int32_t *words, *code;
} kws_lines;

/* Words of one phase of a line, all inputs or the even or odd ones: lower lanes hold inputs in words low_from to
 * low_to, upper lanes likewise; the other lanes are padding. */
typedef struct {
    int32_t low_from, low_to, high_from, high_to;
    int32_t first;       /* word in the padded plane */
    int32_t at;          /* position of word 0 in the input plane, may be outside */
    int32_t step, apart; /* in the input plane, from word to word and from a lower lane to its upper one */
} kws_phase;

/* What a block of six or two outputs is made with; the offsets are used by the assembly. */
typedef struct {
    int32_t rows;       /* 0: of taps */
    int32_t doubled;    /* 4: twice the bias */
    int32_t multiplier; /* 8 */
    int32_t round;      /* 12 */
    int32_t shift;      /* 16 */
    int32_t step;       /* 20: from one output to the next */
    int32_t upper;      /* 24: from an output in a lower lane to its partner */
} kws_block;

#if KWS_THUMB2
KWS_CHECK_OFFSET(kws_block, rows, 0);
KWS_CHECK_OFFSET(kws_block, doubled, 4);
KWS_CHECK_OFFSET(kws_block, multiplier, 8);
KWS_CHECK_OFFSET(kws_block, round, 12);
KWS_CHECK_OFFSET(kws_block, shift, 16);
KWS_CHECK_OFFSET(kws_block, step, 20);
KWS_CHECK_OFFSET(kws_block, upper, 24);

/* r0: words, r1: taps, r2: rows, later the outputs of the upper lanes, r3: outputs of the lower lanes. */
#define KWS_TAPS_PARAMETERS                                                                    \
    const int32_t *words __attribute__((unused)), const int32_t *code __attribute__((unused)), \
        const kws_block *block __attribute__((unused)), int8_t *output __attribute__((unused))
#define KWS_TAPS_ENTER_1 "push {r2, r3, r4-r11, lr}\n\tldr r2, [r2]\n\tmovs r4, #0\n\tmovs r5, #0\n"
#define KWS_TAPS_ENTER_3 KWS_TAPS_ENTER_1 "\tmovs r6, #0\n\tmovs r7, #0\n\tmov r8, #0\n\tmov r9, #0\n"
#define KWS_TAPS_NEXT_ROW "ldr r3, [r1], #4\n\tsubs r2, r2, #1\n\tadd r0, r0, r3\n\tbne 1b\n\t"
#define KWS_TWO_TAPS "ldrd r3, lr, [r1], #8\n\t"
#define KWS_TWO_WORDS "ldrd r10, r11, [r0]\n\t"
#define KWS_THREE_WORDS KWS_TWO_WORDS "ldr r12, [r0, #8]\n\t"
#define KWS_WORD(x, offset) "ldr " x ", [r0, #" offset "]\n\t"
#define KWS_TAP_3(tap, x0, x1, x2)      \
    "smlal r4, r5, " x0 ", " tap "\n\t" \
    "smlal r6, r7, " x1 ", " tap "\n\t" \
    "smlal r8, r9, " x2 ", " tap "\n\t"
#define KWS_TAP_1(tap, x) "smlal r4, r5, " x ", " tap "\n\t"

#if KWS_DSP
#define KWS_TAPS_HIGH(x) "smmulr " x ", " x ", r10\n\t"
#else /* as KWS_ROW_HIGH */
#define KWS_TAPS_HIGH(x) "smull lr, " x ", " x ", r10\n\tadd " x ", " x ", lr, lsr #31\n\t"
#endif
#define KWS_TAPS_PUT(x, to)                \
    KWS_TAPS_HIGH(x)                       \
    "add " x ", " x ", " x ", asr #31\n\t" \
    "add " x ", " x ", r11\n\t"            \
    "asr " x ", " x ", r12\n\t"            \
    "ssat " x ", #8, " x "\n\t"            \
    "strb " x ", [" to "]\n\t"             \
    "add " to ", " to ", r1\n\t"
/* Lanes taken apart as in KWS_ROW_PAIR; the lower one is stored last, over a partner that does not exist. */
#define KWS_TAPS_PAIR(low, high)                   \
    "lsl " high ", " high ", #9\n\t"               \
    "orr " high ", " high ", " low ", lsr #23\n\t" \
    "lsl " low ", " low ", #9\n\t"                 \
    "add " high ", " high ", " low ", lsr #31\n\t" \
    "add " low ", r0, " low ", asr #8\n\t"         \
    "add " high ", r0, " high ", lsl #1\n\t" KWS_TAPS_PUT(high, "r2") KWS_TAPS_PUT(low, "r3")
#define KWS_TAPS_LEAVE_1           \
    "pop {r2, r3}\n\t"             \
    "ldrd r0, r10, [r2, #4]\n\t"   \
    "ldrd r11, r12, [r2, #12]\n\t" \
    "ldrd r1, r2, [r2, #20]\n\t"   \
    "add r2, r2, r3\n\t" KWS_TAPS_PAIR("r4", "r5")
#define KWS_TAPS_LEAVE_3 KWS_TAPS_LEAVE_1 KWS_TAPS_PAIR("r6", "r7") KWS_TAPS_PAIR("r8", "r9")
#define KWS_TAPS_RETURN "pop {r4-r11, pc}"

typedef void (*kws_taps)(const int32_t *words, const int32_t *code, const kws_block *block, int8_t *output);

KWS_NAKED static void kws_taps_7x3(KWS_TAPS_PARAMETERS) {
    __asm__(KWS_TAPS_ENTER_3 "1:\n\t" KWS_TWO_TAPS KWS_THREE_WORDS KWS_TAP_3("r3", "r10", "r11", "r12")
                KWS_WORD("r10", "12") KWS_TAP_3("lr", "r11", "r12", "r10") KWS_TWO_TAPS KWS_WORD("r11", "16")
                    KWS_TAP_3("r3", "r12", "r10", "r11") KWS_WORD("r12", "20") KWS_TAP_3("lr", "r10", "r11", "r12")
                        KWS_TWO_TAPS "add r0, r0, r3\n\t" KWS_THREE_WORDS KWS_TAP_3("lr", "r10", "r11", "r12")
                            KWS_TWO_TAPS KWS_WORD("r10", "12") KWS_TAP_3("r3", "r11", "r12", "r10")
                                KWS_WORD("r11", "16") KWS_TAP_3("lr", "r12", "r10", "r11")
                                    KWS_TAPS_NEXT_ROW KWS_TAPS_LEAVE_3 KWS_TAPS_RETURN);
}

KWS_NAKED static void kws_taps_7x1(KWS_TAPS_PARAMETERS) {
    __asm__(KWS_TAPS_ENTER_1 "1:\n\t" KWS_TWO_TAPS KWS_TWO_WORDS KWS_TAP_1("r3", "r10") KWS_TAP_1("lr", "r11")
                KWS_TWO_TAPS "ldrd r10, r11, [r0, #8]\n\t" KWS_TAP_1("r3", "r10") KWS_TAP_1("lr", "r11") KWS_TWO_TAPS
            "add r0, r0, r3\n\t" KWS_THREE_WORDS KWS_TAP_1("lr", "r10") KWS_TWO_TAPS KWS_TAP_1("r3", "r11")
                KWS_TAP_1("lr", "r12") KWS_TAPS_NEXT_ROW KWS_TAPS_LEAVE_1 KWS_TAPS_RETURN);
}

KWS_NAKED static void kws_taps_5x3(KWS_TAPS_PARAMETERS) {
    __asm__(KWS_TAPS_ENTER_3 "1:\n\t" KWS_TWO_TAPS KWS_THREE_WORDS KWS_TAP_3("r3", "r10", "r11", "r12")
                KWS_WORD("r10", "12") KWS_TAP_3("lr", "r11", "r12", "r10") KWS_TWO_TAPS KWS_WORD("r11", "16")
                    KWS_TAP_3("r3", "r12", "r10", "r11") "add r0, r0, lr\n\t" KWS_TWO_TAPS KWS_THREE_WORDS KWS_TAP_3(
                        "r3", "r10", "r11", "r12") KWS_WORD("r10", "12") KWS_TAP_3("lr", "r11", "r12", "r10")
                        KWS_TAPS_NEXT_ROW KWS_TAPS_LEAVE_3 KWS_TAPS_RETURN);
}

KWS_NAKED static void kws_taps_5x1(KWS_TAPS_PARAMETERS) {
    __asm__(KWS_TAPS_ENTER_1 "1:\n\t" KWS_TWO_TAPS KWS_THREE_WORDS KWS_TAP_1("r3", "r10") KWS_TAP_1("lr", "r11")
                KWS_TWO_TAPS KWS_TAP_1("r3", "r12") "add r0, r0, lr\n\t" KWS_TWO_TAPS KWS_TWO_WORDS KWS_TAP_1(
                    "r3", "r10") KWS_TAP_1("lr", "r11") KWS_TAPS_NEXT_ROW KWS_TAPS_LEAVE_1 KWS_TAPS_RETURN);
}

/* All outputs of a channel. A last block of three words, of which not all have outputs, is put aside first. */
static void kws_every_line(const kws_lines *l, const kws_plane *p, const kws_block *block, int8_t *output) {
    const int seven = l->taps[0] == 4;
    const kws_taps three = seven ? kws_taps_7x3 : kws_taps_5x3;
    const kws_taps one = seven ? kws_taps_7x1 : kws_taps_5x1;
    const int32_t full = l->outputs - l->half, rest = l->half % 3; /* words with a partner, and those beside threes */
    const int32_t *words = l->words, *code = l->code;
    const int32_t threes = rest != 0 ? l->half - rest : full < l->half ? l->half - 3 : l->half;
    const int32_t next = p->stride_major * l->pitch - threes, advance = 3 * l->step;
    kws_block last = *block;
    if (rest != 1) {
        last.step = 1;
        last.upper = 3;
    } else if (full < l->half) {
        last.upper = 0;
    }
    for (int32_t a = p->out_major; a > 0; a--) {
        int8_t *line = output;
        for (int32_t left = threes; left > 0; left -= 3) {
            three(words, code, block, line);
            words += 3;
            line += advance;
        }
        if (rest == 1) {
            one(words, code, &last, line);
        } else if (threes < l->half) {
            int8_t aside[6];
            three(words, code, &last, aside);
            for (int32_t i = threes; i < l->half; i++) {
                *line = aside[i - threes];
                if (i < full) {
                    line[block->upper] = aside[3 + i - threes];
                }
                line += l->step;
            }
        }
        words += next;
        output += p->out_major_step;
    }
}
#else
static void kws_word_sums(const kws_lines *l, const int32_t *words, int32_t *low, int32_t *high) {
    const int32_t width = l->taps[0] + l->taps[1];
    const int32_t *tap = l->code;
    *low = 0;
    *high = 0;
    for (int32_t row = 0; row < l->rows; row++) {
        for (int32_t t = 0; t < width; t++) {
            const int32_t word = words[t < l->taps[0] ? t : l->second + t - l->taps[0]];
            const int32_t weight = tap[t < l->taps[0] ? t : t + 1];
#if KWS_PAIRED
            kws_accumulate_pair(low, high, word, weight);
#else
            *low += weight * (int16_t)word;
            *high += weight * (word >> 16);
#endif
        }
        words += l->pitch;
        tap += width + 2;
    }
}

static int8_t kws_wide_output(const kws_block *block, int32_t sum) {
    const kws_scale scale = {block->doubled, block->multiplier, block->round, block->shift, block->doubled / 2};
    return (int8_t)kws_requantize_saturating(sum, &scale);
}

static void kws_every_line(const kws_lines *l, const kws_plane *p, const kws_block *block, int8_t *output) {
    const int32_t *words = l->words;
    for (int32_t a = p->out_major; a > 0; a--) {
        int8_t *line = output;
        for (int32_t i = 0; i < l->half; i++) {
            int32_t low, high;
            kws_word_sums(l, words + i, &low, &high);
#if KWS_PAIRED
            const int32_t lower = kws_low_lane(low);
            high = kws_high_lane(low, high);
            low = lower;
#endif
            *line = kws_wide_output(block, low);
            if (i + l->half < l->outputs) {
                line[block->upper] = kws_wide_output(block, high);
            }
            line += l->step;
        }
        words += p->stride_major * l->pitch;
        output += p->out_major_step;
    }
}
#endif

/* Sizes of a line; `words` of each phase are those that blocks of three, or a last one of one, look at. */
static kws_lines kws_lines_of(const kws_plane *p, void *scratch, int32_t words[2]) {
    kws_lines l;
    const int apart = p->stride_minor == 2;
    l.outputs = p->out_minor;
    l.half = (p->out_minor + 1) / 2;
    l.step = p->out_minor_step;
    l.rows = p->taps_major;
    l.taps[0] = p->taps_minor / 2 + 1;
    l.taps[1] = p->taps_minor / 2;
    const int32_t last = l.half - 1 + (l.half % 3 == 2);
    words[0] = last + (apart ? l.taps[0] : p->taps_minor);
    words[1] = apart ? last + l.taps[1] : 0;
    l.second = apart ? words[0] : l.taps[0];
    l.pitch = words[0] + words[1];
    l.words = (int32_t *)scratch;
    l.code = l.words + p->major * l.pitch;
    return l;
}

static inline int32_t kws_word_of(int32_t low, int32_t high) {
#if KWS_PAIRED
    return kws_pair(low, high);
#else
    return (int32_t)(((uint32_t)low & 0xffffu) | ((uint32_t)high << 16));
#endif
}

/* Which of `words` words, the first at padded position `position`, hold inputs. */
static void kws_real_words(const kws_plane *p, int32_t position, int32_t words, int32_t *from, int32_t *to) {
    const int32_t round = p->stride_minor - 1; /* stride 1 or 2: a division is a shift */
    const int32_t before = p->minor_from - position, until = p->minor_to - position;
    const int32_t first = before > 0 ? (before + round) >> round : 0;
    const int32_t end = until > 0 ? (until + round) >> round : 0;
    *to = end < words ? end : words;
    *from = first < *to ? first : *to;
}

static kws_phase kws_phase_of(const kws_plane *p, const kws_lines *l, int32_t odd, int32_t words) {
    kws_phase f;
    const int32_t apart = l->half * p->stride_minor;
    kws_real_words(p, odd, words, &f.low_from, &f.low_to);
    kws_real_words(p, odd + apart, words, &f.high_from, &f.high_to);
    f.first = p->major_from * l->pitch + (odd != 0 ? l->second : 0);
    f.at = p->major_skip * p->in_major_step + (p->minor_skip - p->minor_from + odd) * p->in_minor_step;
    f.step = p->in_minor_step * p->stride_minor;
    f.apart = apart * p->in_minor_step;
    return f;
}

/* One phase of every line of one channel; words outside the plane keep the zero point in their lanes. */
static void kws_load_phase(const kws_plane *p, const kws_lines *l, const kws_phase *f, int32_t zero,
                           const int8_t *input) {
    const int32_t step = f->step, apart = f->apart, low_from = f->low_from, low_to = f->low_to, high_to = f->high_to;
    const int32_t only = high_to < low_from ? high_to : low_from; /* where upper lanes alone hold inputs */
    int32_t *line = l->words + f->first;
    int32_t at = f->at;
    for (int32_t left = p->major_to - p->major_from; left > 0; left--) {
        int32_t m = f->high_from, x = at + m * step + apart;
        for (; m < only; m++) {
            line[m] = kws_word_of(zero, input[x]);
            x += step;
        }
        m = m > low_from ? m : low_from;
        x = at + m * step;
        const int8_t *low = input + x, *high = low + apart;
        for (; m + 1 < high_to; m += 2) {
            line[m] = kws_word_of(*low, *high);
            low += step;
            high += step;
            line[m + 1] = kws_word_of(*low, *high);
            low += step;
            high += step;
        }
        if (m < high_to) {
            line[m] = kws_word_of(*low, *high);
            low += step;
            m++;
        }
        for (; m < low_to; m++) {
            line[m] = kws_word_of(*low, zero);
            low += step;
        }
        line += l->pitch;
        at += p->in_major_step;
    }
}

/* The taps of one channel and the ways between them. */
static void kws_lay_taps(const kws_plane *p, const kws_lines *l, const int8_t *weights) {
    const int32_t jump = l->second * (int32_t)sizeof *l->words;
    const int32_t next = l->pitch * (int32_t)sizeof *l->words - jump;
    const int apart = p->stride_minor == 2, seven = l->taps[0] == 4;
    const int32_t step = apart ? 2 * p->tap_minor_step : p->tap_minor_step;
    const int32_t second = apart ? p->tap_minor_step : l->taps[0] * p->tap_minor_step;
    const int32_t row = p->tap_major_step;
    int32_t *code = l->code;
    for (int32_t left = l->rows; left > 0; left--) {
        const int8_t *tap = weights + second;
        code[0] = weights[0];
        code[1] = weights[step];
        code[2] = weights[2 * step];
        if (seven) {
            code[3] = weights[3 * step];
            code++;
        }
        code[3] = jump;
        code[4] = tap[0];
        code[5] = tap[step];
        if (seven) {
            code[6] = tap[2 * step];
            code++;
        }
        code[6] = next;
        code += 7;
        weights += row;
    }
}

/* Five or seven taps along the lines, stride one or two there, no dilation, at most 255 taps, saturating output; any
 * height, stride between lines and channel multiplier. */
kws_status kws_depthwise_wide(const kws_depthwise *layer, const int8_t *input, int8_t *output, void *scratch) {
    if (!KWS_DEPTHWISE_HOLDS(layer, input, output) || scratch == NULL || !layer->output.saturating) {
        return KWS_ERROR_ARGUMENT;
    }
#if KWS_MVE
    kws_mve_plan plan;
    if (kws_mve_depthwise_plan(layer, kws_depthwise_wide_get_buffer_size(layer), &plan)) {
        return kws_mve_depthwise(layer, &plan, input, output, scratch);
    }
#endif
    const kws_window *w = &layer->window;
    kws_plane plane;
    kws_plane_init(&plane, w);
    int32_t words[2];
    const kws_lines lines = kws_lines_of(&plane, scratch, words);
    const kws_phase all = kws_phase_of(&plane, &lines, 0, words[0]), odd = kws_phase_of(&plane, &lines, 1, words[1]);
    for (int32_t i = 0; i < plane.major * lines.pitch; i++) {
        lines.words[i] = kws_word_of(w->zero_point, w->zero_point);
    }
    int8_t *unpacked = (int8_t *)(lines.code + lines.rows * (lines.taps[0] + lines.taps[1] + 2));
    const uint8_t *code = layer->weights;
    uint32_t channel = 0;
    for (uint32_t c = 0; c < layer->channels; c++) {
        kws_load_phase(&plane, &lines, &all, w->zero_point, input);
        if (words[1] != 0) {
            kws_load_phase(&plane, &lines, &odd, w->zero_point, input);
        }
        for (uint32_t m = 0; m < layer->multiplier; m++) {
            const kws_scale scale = kws_scale_of(&layer->output, channel);
            const kws_block block = {lines.rows,  scale.doubled, scale.multiplier,       scale.round,
                                     scale.shift, lines.step,    lines.half * lines.step};
            kws_lay_taps(&plane, &lines, kws_depthwise_taps(layer, &code, unpacked));
            kws_every_line(&lines, &plane, &block, output);
            output += w->out_plane;
            channel++;
        }
        input += w->in_plane;
    }
    return KWS_OK;
}
