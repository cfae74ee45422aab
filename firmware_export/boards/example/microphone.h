/* The hook for a microphone: write these two functions for your board.
 *
 * A driver usually lets a PDM or I2S peripheral fill one half of a buffer by DMA while microphone_read waits for, and
 * copies, the other. 16-bit samples at KWS_FRONTEND_SAMPLE_RATE, one channel.
 */
#ifndef MICROPHONE_H
#define MICROPHONE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Begin recording; 0, or another value where it cannot. */
int microphone_start(void);

/* Wait for `count` samples and return how many there are: fewer, or 0, when the recording is over. */
size_t microphone_read(int16_t *samples, size_t count);

#ifdef __cplusplus
}
#endif

#endif /* MICROPHONE_H */
