/* Scratch of kws_lstm_run: four gates of 16 bits a unit, and one step of the input. */
#include "kws_engine.h"

uint32_t kws_lstm_run_get_buffer_size(const kws_lstm *layer) {
    return layer == NULL ? 0 : (8u * layer->units + layer->inputs + 3u) & ~3u;
}
