/* Bytes of the recorder: takes + 1 slots of sound, each with its description. */
#include "kws_recorder.h"

size_t kws_recorder_get_buffer_size(uint32_t takes, uint32_t take_samples) {
    const size_t slot = (size_t)take_samples + sizeof(kws_take);
    if (takes == 0 || take_samples == 0 || takes >= UINT16_MAX || slot > SIZE_MAX / UINT16_MAX) {
        return 0;
    }
    return (takes + (size_t)1) * slot;
}
