/* Hops of samples between a DMA interrupt, which adds them, and the loop, which takes them. */
#ifndef MICROPHONE_RING_H
#define MICROPHONE_RING_H

#include <string.h>

#include "microphone.h"
#include "spotter.h"

#define MICROPHONE_HOPS 16u /* 320 ms at 20 ms a hop: longer than an inference takes */

typedef struct {
    int16_t hops[MICROPHONE_HOPS][KWS_FRONTEND_HOP_SAMPLES];
    volatile uint32_t filled; /* written by the interrupt alone */
    uint32_t taken;           /* written by the loop alone */
    uint32_t lost;            /* hops that came too fast: do not ship where it is not 0 */
} microphone_ring;

/* One sample of a wider one: `shift` says how loud, each bit less is 6 dB more. */
static inline int16_t microphone_narrow(int32_t sample, unsigned shift) {
    const int32_t value = sample / (int32_t)(1u << shift);
    return (int16_t)(value < -32768 ? -32768 : value > 32767 ? 32767 : value);
}

/* Where the interrupt puts the next hop; microphone_ring_added() when it is there. */
static inline int16_t *microphone_ring_next(microphone_ring *ring) {
    return ring->hops[ring->filled % MICROPHONE_HOPS];
}

static inline void microphone_ring_added(microphone_ring *ring) {
    ring->filled = ring->filled + 1u;
}

/* The oldest hop, once `wait` has brought an interrupt that added it; what microphone_read() returns. */
static inline size_t microphone_ring_take(microphone_ring *ring, int16_t *samples, size_t count, void (*wait)(void)) {
    if (count != KWS_FRONTEND_HOP_SAMPLES) {
        return 0;
    }
    while (ring->filled == ring->taken) {
        wait();
    }
    const uint32_t behind = ring->filled - ring->taken;
    if (behind >= MICROPHONE_HOPS) { /* the interrupt is about to write where this would read */
        ring->lost += behind - 1u;
        ring->taken += behind - 1u;
    }
    memcpy(samples, ring->hops[ring->taken % MICROPHONE_HOPS], sizeof ring->hops[0]);
    ring->taken++;
    return count;
}

#endif /* MICROPHONE_RING_H */
