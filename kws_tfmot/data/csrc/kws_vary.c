/* Host only: the variations of training clips, as kws_tfmot/data/augment.py defines them, to the last bit.
 *
 * Sums run over eight lanes in double precision, products are not fused with sums: both give the same bits with any
 * vectors, and NumPy gives them too. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { LANES = 8, TAPS = 32, PHASES = 100, REFLECTIONS = 8, BLOCKS = 20, LOUDEST = 4, DONE = 0, BAD_ARGUMENT = -1 };

/* What is done with a clip; kws_tfmot/data/variation.py has its twin. */
typedef struct {
    const float *sound;  /* in place of the clip of the row; NULL for none */
    const float *kernel; /* PHASES rows of TAPS taps; NULL leaves the speed */
    const float *noise;  /* as many samples as the clip; NULL for none */
    double noise_ratio;  /* of the noise to the level of the word */
    double noise_floor;  /* least level of the word */
    float gains[REFLECTIONS];
    int32_t delays[REFLECTIONS];
    int32_t reflections;
    int32_t percent; /* speed */
    int32_t shift;   /* samples later */
    int32_t tilted;  /* whether tilt is to be done */
    float tilt;
    float gain;
    int32_t skip; /* the row of the output is left as it is */
} kws_variation;

typedef float quarters __attribute__((vector_size(LANES / 2 * sizeof(float)), aligned(4)));
typedef int32_t whole_lanes __attribute__((vector_size(LANES * sizeof(int32_t))));
typedef int16_t short_lanes __attribute__((vector_size(LANES * sizeof(int16_t))));
typedef float lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(4)));

#if defined(__x86_64__) && defined(__linux__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define KWS_ANY_PROCESSOR __attribute__((target_clones("avx2", "default")))
#else
#define KWS_ANY_PROCESSOR
#endif
#define KWS_INLINE static inline __attribute__((always_inline))

int kws_vary_clips(const kws_variation *variations, const int16_t *clips, size_t count, size_t samples, float *scratch,
                   int16_t *out);
size_t kws_vary_get_buffer_size(size_t samples);

/* Sum of squares. */
KWS_INLINE double energy(const float *clip, size_t samples) {
    double sums[LANES] = {0};
    size_t n = 0;
    for (; n + LANES <= samples; n += LANES) {
        for (size_t lane = 0; lane < LANES; ++lane) {
            sums[lane] += (double)clip[n + lane] * clip[n + lane];
        }
    }
    for (size_t lane = 0; n + lane < samples; ++lane) {
        sums[lane] += (double)clip[n + lane] * clip[n + lane];
    }
    return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

KWS_INLINE lanes loaded(const float *from) {
    lanes found;
    memcpy(&found, from, sizeof found);
    return found;
}

/* Sums of products with the taps of one output: four, each of every fourth tap, in the order of energy(). */
KWS_INLINE quarters quarter_sums(const float *x, const float *taps) {
    lanes sums = loaded(x) * loaded(taps);
    for (size_t at = LANES; at < TAPS; at += LANES) {
        sums += loaded(x + at) * loaded(taps + at);
    }
    quarters low, high;
    memcpy(&low, &sums, sizeof low);
    memcpy(&high, (const char *)&sums + sizeof low, sizeof high);
    return low + high;
}

/* Half way to the sums of two outputs: (first: 0 + 2, second: 0 + 2, first: 1 + 3, second: 1 + 3). */
KWS_INLINE quarters paired(quarters first, quarters second) {
    const quarters low = {first[0], second[0], first[1], second[1]};
    const quarters high = {first[2], second[2], first[3], second[3]};
    return low + high;
}

/* The clip played percent / 100 times as fast about its middle; padded has TAPS zeros before and 2 TAPS behind it. */
KWS_INLINE void change_speed(const kws_variation *how, const float *padded, size_t samples, float *to) {
    const int64_t middle = (int64_t)(samples / 2), percent = how->percent;
    const int64_t begin = PHASES * (middle + TAPS / 2 + 1) - middle * percent; /* of the taps of sample 0 in padded, */
    const int64_t end = PHASES * (int64_t)(samples + TAPS + 1);                /* in steps of 1 / PHASES */
    size_t n = 0;
    int64_t place = begin;
    for (; n < samples && place < 0; ++n, place += percent) {
        to[n] = 0;
    }
    for (; n + 4 <= samples && place + 3 * percent < end; n += 4) {
        quarters sums[4];
        for (size_t k = 0; k < 4; ++k, place += percent) {
            const uint64_t at = (uint64_t)place;
            sums[k] = quarter_sums(padded + at / PHASES, how->kernel + at % PHASES * TAPS);
        }
        const quarters first = paired(sums[0], sums[1]), second = paired(sums[2], sums[3]);
        const quarters low = {first[0], first[1], second[0], second[1]};
        const quarters high = {first[2], first[3], second[2], second[3]};
        const quarters found = low + high;
        memcpy(to + n, &found, sizeof found);
    }
    for (; n < samples; ++n, place += percent) {
        float found = 0;
        if (place < end) {
            const uint64_t at = (uint64_t)place;
            const quarters sums = quarter_sums(padded + at / PHASES, how->kernel + at % PHASES * TAPS);
            found = (sums[0] + sums[2]) + (sums[1] + sums[3]);
        }
        to[n] = found;
    }
}

/* Root of the mean power of the loudest blocks. */
KWS_INLINE double word_level(const float *clip, size_t samples) {
    double power[BLOCKS];
    const size_t size = samples / BLOCKS;
    for (size_t block = 0; block < BLOCKS; ++block) {
        const double own = energy(clip + block * size, size) / (double)size;
        size_t at = block;
        for (; at > 0 && power[at - 1] < own; --at) {
            power[at] = power[at - 1];
        }
        power[at] = own;
    }
    double sum = 0;
    for (size_t block = 0; block < LOUDEST; ++block) {
        sum += power[block];
    }
    return sqrt(sum / LOUDEST);
}

KWS_INLINE void mix_noise(const kws_variation *how, float *clip, size_t samples) {
    const double own = sqrt(energy(how->noise, samples) / (double)samples);
    if (own == 0.0) {
        return;
    }
    const double level = word_level(clip, samples);
    const float scale = (float)((level > how->noise_floor ? level : how->noise_floor) / own * how->noise_ratio);
    for (size_t n = 0; n < samples; ++n) {
        clip[n] += how->noise[n] * scale;
    }
}

KWS_INLINE void reflect(const kws_variation *how, const float *clip, size_t samples, float *to) {
    memcpy(to, clip, samples * sizeof *to);
    for (int32_t k = 0; k < how->reflections; ++k) {
        const size_t delay = (size_t)how->delays[k];
        const float gain = how->gains[k];
        for (size_t n = delay; n < samples; ++n) {
            to[n] += gain * clip[n - delay];
        }
    }
}

KWS_INLINE void tilt(const kws_variation *how, const float *clip, size_t samples, float *to) {
    to[0] = clip[0];
    for (size_t n = 1; n < samples; ++n) {
        to[n] = clip[n] - how->tilt * clip[n - 1];
    }
    const double power = energy(to, samples);
    if (power > 0) {
        const float scale = (float)sqrt(energy(clip, samples) / power);
        for (size_t n = 0; n < samples; ++n) {
            to[n] *= scale;
        }
    }
}

KWS_INLINE void shift(const float *clip, size_t samples, int32_t by, float *to) {
    const size_t size = (size_t)(by < 0 ? -by : by) < samples ? (size_t)(by < 0 ? -by : by) : samples;
    if (by >= 0) {
        memset(to, 0, size * sizeof *to);
        memcpy(to + size, clip, (samples - size) * sizeof *to);
    } else {
        memcpy(to, clip + size, (samples - size) * sizeof *to);
        memset(to + samples - size, 0, size * sizeof *to);
    }
}

KWS_INLINE void to_float(const kws_variation *how, const int16_t *clip, size_t samples, float *to) {
    if (how->sound) {
        memcpy(to, how->sound, samples * sizeof *to);
        return;
    }
    for (size_t n = 0; n < samples; ++n) {
        to[n] = (float)clip[n];
    }
}

KWS_INLINE lanes chosen(whole_lanes which, lanes one, lanes other) {
    return (lanes)(((whole_lanes)one & which) | ((whole_lanes)other & ~which));
}

/* Rounded half to even and saturated. */
KWS_INLINE lanes rounded(lanes sound) {
    const lanes most = (lanes){0} + 32767.0f, least = (lanes){0} - 32768.0f;
    const lanes below = chosen(sound > most, most, sound);
    const lanes inside = chosen(below < least, least, below);
    return (inside + 12582912.0f) - 12582912.0f; /* the sum has no bits left for a fraction */
}

KWS_INLINE void to_int16(const float *clip, size_t samples, float gain, int16_t *out) {
    size_t n = 0;
    for (; n + LANES <= samples; n += LANES) {
        const whole_lanes whole = __builtin_convertvector(rounded(loaded(clip + n) * gain), whole_lanes);
        const short_lanes found = __builtin_convertvector(whole, short_lanes);
        memcpy(out + n, &found, sizeof found);
    }
    for (; n < samples; ++n) {
        out[n] = (int16_t)rounded((lanes){0} + clip[n] * gain)[0];
    }
}

/* Bytes of scratch for clips of so many samples. */
size_t kws_vary_get_buffer_size(size_t samples) {
    return (3 * samples + 3 * TAPS) * sizeof(float);
}

/* Vary clips [count, samples] into out; scratch has kws_vary_get_buffer_size() bytes. */
KWS_ANY_PROCESSOR int kws_vary_clips(const kws_variation *variations, const int16_t *clips, size_t count,
                                     size_t samples, float *scratch, int16_t *out) {
    if (!variations || !clips || !scratch || !out || samples < BLOCKS) {
        return BAD_ARGUMENT;
    }
    float *now = scratch;
    float *next = now + samples;
    float *padded = next + samples;
    for (size_t row = 0; row < count; ++row, clips += samples, out += samples) {
        const kws_variation *how = variations + row;
        const float *from = padded + TAPS;
        float *swap;
        if (how->skip) {
            continue;
        }
        to_float(how, clips, samples, padded + TAPS);
        if (how->kernel) {
            memset(padded, 0, TAPS * sizeof *padded);
            memset(padded + TAPS + samples, 0, 2 * TAPS * sizeof *padded);
            change_speed(how, padded, samples, next);
            from = next;
            swap = now, now = next, next = swap;
        }
        shift(from, samples, how->shift, next);
        swap = now, now = next, next = swap;
        if (how->reflections > 0) {
            reflect(how, now, samples, next);
            swap = now, now = next, next = swap;
        }
        if (how->noise) {
            mix_noise(how, now, samples);
        }
        if (how->tilted) {
            tilt(how, now, samples, next);
            swap = now, now = next, next = swap;
        }
        to_int16(now, samples, how->gain, out);
    }
    return DONE;
}
