/* Counters on the caller's buffer: counts, best scores and marks lie in it in this order. */
#include "kws_statistics.h"

kws_statistics_status kws_statistics_init(kws_statistics *statistics, uint16_t classes, uint16_t near, void *buffer,
                                          size_t buffer_size) {
    if (!statistics || !buffer || ((uintptr_t)buffer & 3u) || classes == 0 || near == 0 || near > KWS_DETECTOR_ONE) {
        return KWS_STATISTICS_BAD_ARGUMENT;
    }
    if (buffer_size < kws_statistics_get_buffer_size(classes)) {
        return KWS_STATISTICS_SMALL_BUFFER;
    }
    statistics->words = (kws_word_statistics *)buffer;
    statistics->peak = (uint16_t *)(void *)(statistics->words + classes);
    statistics->triggered = (uint8_t *)(statistics->peak + classes);
    statistics->classes = classes;
    statistics->near = near;
    return kws_statistics_reset(statistics);
}
