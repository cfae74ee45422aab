/* Channel by channel: energy under its triangle, root, noise reduction, gain, logarithm, int8. */
#include "kws_frontend_mve.h"

/* (256 v + 333) / 666 - 128, saturated. */
KWS_INLINE int8_t to_int8(uint32_t value) {
    const uint32_t step = value < 666u ? (256u * value + 333u) / 666u : 255u;
    return (int8_t)((int32_t)(step < 255u ? step : 255u) - 128);
}

void kws_frontend_channels(const kws_frontend_tables *tables, const uint32_t *energy, uint32_t shift,
                           uint32_t *estimate, int8_t *features) {
    const uint32_t *weight = tables->weights;
    const uint32_t *bin = energy + tables->bins[0];
    uint64_t risen = 0;
    for (uint32_t channel = 0; channel <= KWS_MELS(tables); ++channel) {
        const uint32_t *end = weight + (tables->bins[channel + 1u] - tables->bins[channel]);
        uint64_t falling = risen, rising = 0;
#if KWS_HAS_VECTORS
        kws_add_bins(bin, weight, (uint32_t)(end - weight), &falling, &rising);
        bin += end - weight;
        weight = end;
#endif
        for (; weight < end; ++weight, ++bin) {
            falling += kws_mul_short(*bin, *weight & 0xFFFFu);
            rising += kws_mul_short(*bin, *weight >> 16);
        }
        risen = rising;
        if (channel == 0) {
            continue;
        }
        const uint32_t index = channel - 1u;
        const uint32_t smoothing = (index & 1u) ? (uint32_t)KWS_ODD_SMOOTHING : (uint32_t)KWS_EVEN_SMOOTHING;
        uint32_t value = kws_frontend_root(falling) >> shift;
        value = kws_frontend_reduce_noise(value, smoothing, estimate + index);
        value = kws_frontend_gain(tables, value, estimate[index]);
        features[index] = to_int8(kws_frontend_log(tables, value << tables->correction_bits));
    }
}
