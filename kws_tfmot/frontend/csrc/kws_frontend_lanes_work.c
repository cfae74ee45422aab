/* Host only: whether this processor has the vectors of kws_frontend_lanes(), and the tables suit them. */
#include "kws_frontend_clips.h"

int kws_frontend_lanes_work(const kws_frontend_tables *tables) {
#if defined(__x86_64__) && defined(__GNUC__)
    return __builtin_cpu_supports("avx2") && KWS_WINDOW(tables) % 2u == 0 && KWS_FFT_PAIRS(tables) >= 16u &&
           tables->hop_samples < 32768u;
#else
    (void)tables;
    return 0;
#endif
}
