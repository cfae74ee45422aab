/* Nordic nRF52840: a PDM microphone by EasyDMA, nrfx 4. 1.28 MHz / 80 is exactly 16 kHz.
 *
 * Pins are those of the Arduino Nano 33 BLE Sense (whose microphone is powered by P0.17). In nrfx_config.h:
 * NRFX_PDM_ENABLED 1. */
#include <nrfx_pdm.h>

#include "microphone_ring.h"

#define CLOCK_PIN 26 /* P0.26 */
#define DATA_PIN 25  /* P0.25 */

static nrfx_pdm_t microphone = NRFX_PDM_INSTANCE(NRF_PDM);
static int16_t halves[2][KWS_FRONTEND_HOP_SAMPLES];
static unsigned next_half;
static microphone_ring ring;

void PDM_IRQHandler(void) {
    nrfx_pdm_irq_handler(&microphone);
}

static void on_event(nrfx_pdm_evt_t const *event) {
    if (event->buffer_requested) {
        nrfx_pdm_buffer_set(&microphone, halves[next_half], KWS_FRONTEND_HOP_SAMPLES);
        next_half ^= 1u;
    }
    if (event->buffer_released != NULL) {
        memcpy(microphone_ring_next(&ring), event->buffer_released, sizeof halves[0]);
        microphone_ring_added(&ring);
    }
}

static void wait(void) {
    __WFE();
}

int microphone_start(void) {
    nrfx_pdm_config_t settings = NRFX_PDM_DEFAULT_CONFIG(CLOCK_PIN, DATA_PIN);
    settings.prescalers.clock_freq = NRF_PDM_FREQ_1280K;
    settings.prescalers.ratio = NRF_PDM_RATIO_80X;
    return nrfx_pdm_init(&microphone, &settings, on_event) != 0 || nrfx_pdm_start(&microphone) != 0;
}

size_t microphone_read(int16_t *samples, size_t count) {
    return microphone_ring_take(&ring, samples, count, wait);
}
