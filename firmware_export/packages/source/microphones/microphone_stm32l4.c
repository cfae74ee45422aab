/* STMicroelectronics STM32L4: a PDM microphone through a DFSDM filter by DMA, HAL. B-L475E-IOT01A has two on board.
 *
 * In CubeMX: DFSDM1 channel 2 (PC2 clock, PE9 data on that board), filter 0 with SINC3, continuous regular conversion
 * and DMA, circular, words. The rate is the channel's clock over the oversampling: 80 MHz / 39 / 128 is 16.03 kHz. */
#include "microphone_ring.h"
#include "stm32l4xx_hal.h"

#define SHIFT 11 /* the filter's 24 bits are in the upper part of a word; each bit less is 6 dB more */

extern DFSDM_Filter_HandleTypeDef hdfsdm1_filter0; /* CubeMX makes and initialises it */

static int32_t words[2][KWS_FRONTEND_HOP_SAMPLES];
static microphone_ring ring;

static void add(const int32_t *half) {
    int16_t *samples = microphone_ring_next(&ring);
    for (uint32_t i = 0; i < KWS_FRONTEND_HOP_SAMPLES; i++) {
        samples[i] = microphone_narrow(half[i] / 256, SHIFT - 8); /* the lowest byte is the channel's number */
    }
    microphone_ring_added(&ring);
}

void HAL_DFSDM_FilterRegConvHalfCpltCallback(DFSDM_Filter_HandleTypeDef *filter) {
    if (filter == &hdfsdm1_filter0) {
        add(words[0]);
    }
}

void HAL_DFSDM_FilterRegConvCpltCallback(DFSDM_Filter_HandleTypeDef *filter) {
    if (filter == &hdfsdm1_filter0) {
        add(words[1]);
    }
}

static void wait(void) {
    __WFI();
}

int microphone_start(void) {
    return HAL_DFSDM_FilterRegularStart_DMA(&hdfsdm1_filter0, words[0], 2 * KWS_FRONTEND_HOP_SAMPLES) != HAL_OK;
}

size_t microphone_read(int16_t *samples, size_t count) {
    return microphone_ring_take(&ring, samples, count, wait);
}
