/* Host only: what is drawn for the clips of a training batch, as kws_tfmot/data/batches.py and noise.py define it.
 *
 * Generators are NumPy's: PCG64 (O'Neill, https://www.pcg-random.org) and the ways of numpy.random.Generator from its
 * bits to random(), uniform() and integers() (Lemire, arXiv 1805.10941), to the last bit. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>

enum { REFLECTIONS = 8, DONE = 0, BAD_ARGUMENT = -1 };
enum { LEFT_ALONE, RECORDED_SILENCE, WORD, UNKNOWN_WORD, MADE_NOISE };

/* Ranges and probabilities; kws_tfmot/data/batch_draws.py has the twins of all three structures. */
typedef struct {
    double speed_probability, speed_percent, cut_unknown, reverb_probability, noise_probability, tilt_probability;
    double tilt, snr_low, snr_high, gain_low, gain_high, generated_share, silence_generated_share;
    const double *shares; /* of the recorded stretches, cumulated */
    const int64_t *first, *last;
    const int16_t *samples;
    const float *const *generated; /* noises made beforehand, generated_samples each */
    int64_t stretches, generated_count, generated_samples, length, shift, cut_shift, rate;
} kws_draw_settings;

/* Noise that is to be shaped: two sources, the second mixed in or not. */
typedef struct {
    int64_t first[2];
    double level_db, band_low, band_high, floor_db, snr_db;
    int32_t generated[2]; /* which made noise, -1 for a recording */
    int32_t wanted, mixed, filtered, switched, on, off;
} kws_drawn_noise;

/* The part of kws_variation that is drawn. */
typedef struct {
    float gains[REFLECTIONS];
    int32_t delays[REFLECTIONS];
    int32_t reflections, percent, shift, tilted;
    float tilt, gain;
} kws_drawn_clip;

typedef struct {
    unsigned __int128 state, step;
    uint32_t half;
    int has_half;
} generator;

static uint64_t next_64(generator *rng) {
    const unsigned __int128 multiplier = ((unsigned __int128)0x2360ED051FC65DA4u << 64) | 0x4385DF649FCCF645u;
    rng->state = rng->state * multiplier + rng->step;
    const uint64_t mixed = (uint64_t)(rng->state >> 64) ^ (uint64_t)rng->state;
    const unsigned turn = (unsigned)(rng->state >> 122);
    return (mixed >> turn) | (mixed << (-turn & 63u));
}

/* Seeded by four words, as PCG64 is by a SeedSequence. */
static void begin(generator *rng, const uint64_t *words) {
    rng->step = (((((unsigned __int128)words[2]) << 64) | words[3]) << 1) | 1u;
    rng->state = 0;
    rng->has_half = 0;
    next_64(rng);
    rng->state += ((unsigned __int128)words[0] << 64) | words[1];
    next_64(rng);
}

static uint32_t next_32(generator *rng) {
    if (rng->has_half) {
        rng->has_half = 0;
        return rng->half;
    }
    const uint64_t both = next_64(rng);
    rng->has_half = 1;
    rng->half = (uint32_t)(both >> 32);
    return (uint32_t)both;
}

/* From 0 to 1, without 1. */
static double draw(generator *rng) {
    return (double)(next_64(rng) >> 11) * (1.0 / 9007199254740992.0);
}

static double uniform(generator *rng, double low, double high) {
    const double range = high - low;
    return low + range * draw(rng);
}

/* From low to high, without high; fewer than 2^32. */
static int64_t integer(generator *rng, int64_t low, int64_t high) {
    const uint32_t most = (uint32_t)(high - low - 1);
    if (most == 0) {
        return low;
    }
    const uint32_t count = most + 1;
    uint64_t product = (uint64_t)next_32(rng) * count;
    if ((uint32_t)product < count) {
        const uint32_t least = (UINT32_MAX - most) % count;
        while ((uint32_t)product < least) {
            product = (uint64_t)next_32(rng) * count;
        }
    }
    return low + (int64_t)(product >> 32);
}

static void draw_reflections(generator *rng, int64_t rate, kws_drawn_clip *clip) {
    double seconds[REFLECTIONS];
    const int32_t count = (int32_t)integer(rng, 4, 9);
    for (int32_t k = 0; k < count; ++k) {
        const double own = uniform(rng, 0.001, 0.06);
        int32_t at = k;
        for (; at > 0 && seconds[at - 1] > own; --at) {
            seconds[at] = seconds[at - 1];
        }
        seconds[at] = own;
    }
    const double reach = uniform(rng, 0.1, 0.5);
    const double wall = uniform(rng, 0.2, 0.7);
    for (int32_t k = 0; k < count; ++k) {
        const double sign = integer(rng, 0, 2) ? 1.0 : -1.0;
        const double delay = nearbyint(seconds[k] * (double)rate);
        clip->gains[k] = (float)(wall * pow(10.0, -3 * seconds[k] / reach) * sign);
        clip->delays[k] = delay < 1 ? 1 : (int32_t)delay;
    }
    clip->reflections = count;
}

static void draw_source(generator *rng, const kws_draw_settings *how, double generated_share, int which,
                        kws_drawn_noise *noise) {
    const int generated = draw(rng) < generated_share;
    if (!generated && how->stretches > 0) {
        const double place = draw(rng);
        int64_t stretch = 0;
        while (stretch < how->stretches && how->shares[stretch] <= place) {
            ++stretch;
        }
        noise->generated[which] = -1;
        noise->first[which] = integer(rng, how->first[stretch], how->last[stretch] - how->length + 1);
        return;
    }
    noise->generated[which] = (int32_t)integer(rng, 0, how->generated_count);
    noise->first[which] = integer(rng, 0, how->generated_samples - how->length + 1);
}

static int sounds(const kws_draw_settings *how, const kws_drawn_noise *noise) {
    for (int64_t n = noise->first[0]; n < noise->first[0] + how->length; ++n) {
        if (noise->generated[0] < 0 ? how->samples[n] != 0 : how->generated[noise->generated[0]][n] != 0) {
            return 1;
        }
    }
    return 0;
}

static void draw_noise(generator *rng, const kws_draw_settings *how, double generated_share, kws_drawn_noise *noise) {
    noise->wanted = 1;
    draw_source(rng, how, generated_share, 0, noise);
    draw_source(rng, how, generated_share, 1, noise);
    noise->mixed = draw(rng) < 0.3;
    if (noise->mixed && sounds(how, noise)) {
        noise->level_db = uniform(rng, -20.0, 0.0);
    }
    noise->filtered = draw(rng) < 0.3;
    if (noise->filtered) {
        const double most = 0.45 * (double)how->rate;
        noise->band_low = 50.0 * pow(2.0, uniform(rng, 0.0, 4.0));
        noise->band_high = noise->band_low * pow(2.0, uniform(rng, 2.0, 6.0));
        noise->band_high = noise->band_high < most ? noise->band_high : most;
    }
    noise->switched = draw(rng) < 0.15;
    if (noise->switched) {
        noise->on = (int32_t)integer(rng, 0, how->length);
        noise->off = (int32_t)integer(rng, 0, how->length);
        noise->floor_db = uniform(rng, -40.0, -10.0);
    }
}

static void draw_clip(generator *rng, const kws_draw_settings *how, int task, kws_drawn_clip *clip,
                      kws_drawn_noise *noise) {
    const int is_word = task == WORD || task == UNKNOWN_WORD;
    int64_t most = how->shift;
    if (is_word && draw(rng) < how->speed_probability) {
        const double factor = 1 + uniform(rng, -1.0, 1.0) * how->speed_percent / 100;
        clip->percent = (int32_t)nearbyint(factor * 100);
    }
    if (task == UNKNOWN_WORD && how->cut_unknown != 0 && draw(rng) < how->cut_unknown) {
        most = how->cut_shift;
    }
    clip->shift = (int32_t)integer(rng, -most, most + 1);
    if (is_word && draw(rng) < how->reverb_probability) {
        draw_reflections(rng, how->rate, clip);
    }
    if (is_word && draw(rng) < how->noise_probability) {
        draw_noise(rng, how, how->generated_share, noise);
        noise->snr_db = uniform(rng, how->snr_low, how->snr_high);
    }
    if (is_word && draw(rng) < how->tilt_probability) {
        clip->tilted = 1;
        clip->tilt = (float)(uniform(rng, -1.0, 1.0) * how->tilt);
    }
    clip->gain = (float)pow(10.0, uniform(rng, how->gain_low, how->gain_high) / 20);
}

int kws_draw_batch(const kws_draw_settings *how, const uint64_t *seeds, const int8_t *tasks, size_t count,
                   kws_drawn_clip *clips, kws_drawn_noise *noises);

/* Draw for count clips from four words of seed each; clips and noises are zero at first, or what is left alone is. */
int kws_draw_batch(const kws_draw_settings *how, const uint64_t *seeds, const int8_t *tasks, size_t count,
                   kws_drawn_clip *clips, kws_drawn_noise *noises) {
    if (!how || !seeds || !tasks || !clips || !noises || how->generated_count < 1 || how->length < 1 ||
        how->generated_samples < how->length) {
        return BAD_ARGUMENT;
    }
    for (size_t row = 0; row < count; ++row) {
        generator rng;
        begin(&rng, seeds + 4 * row);
        if (tasks[row] == MADE_NOISE) {
            draw_noise(&rng, how, how->silence_generated_share, noises + row);
        } else if (tasks[row] != LEFT_ALONE) {
            draw_clip(&rng, how, tasks[row], clips + row, noises + row);
        }
    }
    return DONE;
}
