/* From the FFT of sample pairs to the energies of the real signal's bins. */
#include "kws_frontend_internal.h"

KWS_INLINE uint32_t energy(int32_t twice_real, int32_t twice_imag) {
    const int32_t real = twice_real >> 1, imag = twice_imag >> 1;
    return (uint32_t)(real * real) + (uint32_t)(imag * imag);
}

void kws_frontend_energy(const kws_frontend_tables *tables, uint32_t *scratch) {
    const uint32_t factor = 32767 / 2;
    uint32_t *low = scratch + 1;
    uint32_t *high = scratch + KWS_FFT_PAIRS(tables) - 1;
    for (uint32_t k = 0; k < KWS_FFT_PAIRS(tables) / 2u; ++k, ++low, --high) {
        const uint32_t a = kws_divide(*low, factor);
        const uint32_t b = kws_divide(kws_complex(kws_real(*high), -kws_imag(*high)), factor);
        const uint32_t sum = kws_add(a, b);
        const uint32_t turned = kws_turn(kws_sub(a, b), tables->split[k]);
        const int32_t sum_real = kws_real(sum), sum_imag = kws_imag(sum);
        const int32_t real = kws_real(turned), imag = kws_imag(turned);
        *low = energy(sum_real + real, sum_imag + imag);
        *high = energy(sum_real - real, imag - sum_imag); /* at the middle bin this one counts */
    }
}
