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

typedef float lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(4)));
typedef float quarters __attribute__((vector_size(LANES / 2 * sizeof(float)), aligned(4)));

#if defined(__x86_64__) && defined(__linux__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define KWS_ANY_PROCESSOR __attribute__((target_clones("avx2", "default")))
#else
#define KWS_ANY_PROCESSOR
#endif
#define KWS_INLINE static inline __attribute__((always_inline))

int kws_vary_clips(const kws_variation *variations, const float *clips, size_t count, size_t samples, float *scratch,
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

/* The sum of all lanes, in the order of energy(). */
KWS_INLINE float joined(lanes sums) {
    quarters low, high;
    memcpy(&low, &sums, sizeof low);
    memcpy(&high, (const char *)&sums + sizeof low, sizeof high);
    const quarters four = low + high;
    return (four[0] + four[2]) + (four[1] + four[3]);
}

/* The clip played percent / 100 times as fast about its middle; padded has TAPS zeros before and behind it. */
KWS_INLINE void change_speed(const kws_variation *how, const float *padded, size_t samples, float *to) {
    const int64_t middle = (int64_t)(samples / 2);
    const int64_t begin = PHASES * middle - middle * how->percent; /* where sample 0 lies, in steps of 1 / PHASES */
    int64_t first = (begin >= 0 ? begin / PHASES : -((PHASES - 1 - begin) / PHASES)) - TAPS / 2 + 1 + TAPS;
    int64_t part = begin - PHASES * (first + TAPS / 2 - 1 - TAPS);
    const int64_t step = how->percent / PHASES, part_step = how->percent % PHASES;
    for (size_t n = 0; n < samples; ++n, first += step, part += part_step) {
        if (part >= PHASES) {
            part -= PHASES;
            ++first;
        }
        if (first < 0 || first > (int64_t)(samples + TAPS)) {
            to[n] = 0;
            continue;
        }
        const float *x = padded + first;
        const float *taps = how->kernel + part * TAPS;
        lanes a, b, sum;
        memcpy(&a, x, sizeof a);
        memcpy(&b, taps, sizeof b);
        sum = a * b;
        for (size_t at = LANES; at < TAPS; at += LANES) {
            memcpy(&a, x + at, sizeof a);
            memcpy(&b, taps + at, sizeof b);
            sum += a * b;
        }
        to[n] = joined(sum);
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
    memset(to, 0, samples * sizeof *to);
    if (by >= 0) {
        memcpy(to + size, clip, (samples - size) * sizeof *to);
    } else {
        memcpy(to, clip + size, (samples - size) * sizeof *to);
    }
}

KWS_INLINE void to_int16(const float *clip, size_t samples, float gain, int16_t *out) {
    for (size_t n = 0; n < samples; ++n) {
        const float scaled = clip[n] * gain;
        const float inside = scaled > 32767.0f ? 32767.0f : scaled < -32768.0f ? -32768.0f : scaled;
        /* Rounds half to even: the sum has no bits left for a fraction. */
        const float whole = (inside + 12582912.0f) - 12582912.0f;
        out[n] = (int16_t)(int32_t)whole;
    }
}

/* Bytes of scratch for clips of so many samples. */
size_t kws_vary_get_buffer_size(size_t samples) {
    return (3 * samples + 2 * TAPS) * sizeof(float);
}

/* Vary clips [count, samples] into out; scratch has kws_vary_get_buffer_size(samples) bytes. */
KWS_ANY_PROCESSOR int kws_vary_clips(const kws_variation *variations, const float *clips, size_t count, size_t samples,
                                     float *scratch, int16_t *out) {
    if (!variations || !clips || !scratch || !out || samples < BLOCKS) {
        return BAD_ARGUMENT;
    }
    float *padded = scratch;
    float *now = scratch + samples + 2 * TAPS;
    float *next = now + samples;
    for (size_t row = 0; row < count; ++row, clips += samples, out += samples) {
        const kws_variation *how = variations + row;
        const float *from = clips;
        float *swap;
        if (how->skip) {
            continue;
        }
        if (how->kernel) {
            memset(padded, 0, TAPS * sizeof *padded);
            memcpy(padded + TAPS, clips, samples * sizeof *padded);
            memset(padded + TAPS + samples, 0, TAPS * sizeof *padded);
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
