/* All counters to 0, and no excursion. */
#include <string.h>

#include "kws_statistics.h"

kws_statistics_status kws_statistics_reset(kws_statistics *statistics) {
    if (!statistics) {
        return KWS_STATISTICS_BAD_ARGUMENT;
    }
    memset(statistics->words, 0, kws_statistics_get_buffer_size(statistics->classes));
    statistics->inferences = 0;
    return KWS_STATISTICS_OK;
}
