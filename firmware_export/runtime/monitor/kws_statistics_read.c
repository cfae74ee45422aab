/* The counts of one keyword, copied. */
#include "kws_statistics.h"

kws_statistics_status kws_statistics_read(const kws_statistics *statistics, uint16_t label, kws_word_statistics *word) {
    if (!statistics || !word || label >= statistics->classes) {
        return KWS_STATISTICS_BAD_ARGUMENT;
    }
    *word = statistics->words[label];
    return KWS_STATISTICS_OK;
}
