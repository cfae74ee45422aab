/* One inference more: excursions begin, go on and end, and what ended is counted. */
#include "kws_statistics.h"

static void kws_count(uint32_t *counter) {
    if (*counter < UINT32_MAX) {
        ++*counter;
    }
}

/* Take the score of one class; the best score of the excursion that ended with it, or 0. */
static uint32_t kws_follow(kws_statistics *statistics, uint32_t c, uint32_t score, uint32_t near) {
    const uint32_t best = statistics->peak[c];
    if (best == 0 ? score >= near : score > best) {
        statistics->peak[c] = (uint16_t)score;
    } else if (best > 0 && score < near - near / 2u) {
        statistics->peak[c] = 0;
        return best;
    }
    return 0;
}

/* Count an excursion that ended; whether it was a near miss. */
static int kws_count_excursion(kws_statistics *statistics, uint32_t c, uint32_t best, uint32_t threshold) {
    kws_word_statistics *word = &statistics->words[c];
    const uint32_t bin = best / (KWS_DETECTOR_ONE / KWS_STATISTICS_BINS);
    const int missed = !statistics->triggered[c] && best < threshold;
    kws_count(&word->best[bin < KWS_STATISTICS_BINS ? bin : KWS_STATISTICS_BINS - 1u]);
    statistics->triggered[c] = 0;
    if (missed) {
        kws_count(&word->near_misses);
    }
    return missed;
}

kws_statistics_status kws_statistics_step(kws_statistics *statistics, const kws_detector *detector,
                                          const kws_detection *detection, kws_event *event) {
    if (!statistics || !detector || !event || detector->constants->classes != statistics->classes) {
        return KWS_STATISTICS_BAD_ARGUMENT;
    }
    kws_count(&statistics->inferences);
    event->kind = 0;
    event->score = 0;
    for (uint32_t c = 0; c < statistics->classes; c++) {
        const uint32_t threshold = kws_detector_threshold(detector, (uint16_t)c);
        if (threshold == KWS_DETECTOR_NEVER) {
            continue;
        }
        const uint32_t near = (threshold * statistics->near) >> 15;
        const uint32_t best = kws_follow(statistics, c, kws_detector_score(detector, (uint16_t)c), near ? near : 1u);
        if (best && kws_count_excursion(statistics, c, best, threshold) && best > event->score) {
            event->kind = KWS_EVENT_NEAR_MISS;
            event->label = (uint16_t)c;
            event->score = (uint16_t)best;
        }
    }
    if (detection && detection->label < statistics->classes) {
        statistics->triggered[detection->label] = 1;
        kws_count(&statistics->words[detection->label].triggers);
        event->kind = KWS_EVENT_TRIGGER;
        event->label = detection->label;
        event->score = detection->score;
    }
    return event->kind ? KWS_STATISTICS_EVENT : KWS_STATISTICS_OK;
}
