/* Bytes of the counters: for each class its counts, the best score of its excursion, and whether it triggered. */
#include "kws_statistics.h"

size_t kws_statistics_get_buffer_size(uint16_t classes) {
    return classes * (sizeof(kws_word_statistics) + sizeof(uint16_t) + sizeof(uint8_t));
}
