/* Listens to an I2S microphone (INMP441 and alike, 24 bits in slots of 32), which ESP-IDF's driver reads by DMA. */
#include <stdio.h>

#include "driver/i2s_std.h"
#include "spotter.h"

#define CLOCK_PIN 4 /* yours */
#define WORD_PIN 5
#define DATA_PIN 6
#define SHIFT 14 /* 16: the upper half of the slot; each bit less is 6 dB more */

static const char *const labels[] = MODEL_LABELS;
static spotter listener;
static int32_t slots[KWS_FRONTEND_HOP_SAMPLES];
static int16_t hop[KWS_FRONTEND_HOP_SAMPLES];

static i2s_chan_handle_t start(void) {
    i2s_chan_handle_t microphone = NULL;
    const i2s_chan_config_t channel = I2S_CHANNEL_DEFAULT_CONFIG(I2S_NUM_AUTO, I2S_ROLE_MASTER);
    i2s_std_config_t standard = {
        .clk_cfg = I2S_STD_CLK_DEFAULT_CONFIG(KWS_FRONTEND_SAMPLE_RATE),
        .slot_cfg = I2S_STD_PHILIPS_SLOT_DEFAULT_CONFIG(I2S_DATA_BIT_WIDTH_32BIT, I2S_SLOT_MODE_MONO),
        .gpio_cfg =
            {.mclk = I2S_GPIO_UNUSED, .bclk = CLOCK_PIN, .ws = WORD_PIN, .dout = I2S_GPIO_UNUSED, .din = DATA_PIN},
    };
    standard.slot_cfg.slot_mask = I2S_STD_SLOT_LEFT; /* the microphone's L/R pin is low */
    ESP_ERROR_CHECK(i2s_new_channel(&channel, NULL, &microphone));
    ESP_ERROR_CHECK(i2s_channel_init_std_mode(microphone, &standard));
    ESP_ERROR_CHECK(i2s_channel_enable(microphone));
    return microphone;
}

void app_main(void) {
    const i2s_chan_handle_t microphone = start();
    size_t bytes = 0;
    if (spotter_init(&listener) != SPOTTER_LISTENING) {
        return;
    }
    while (i2s_channel_read(microphone, slots, sizeof slots, &bytes, 1000) == ESP_OK && bytes == sizeof slots) {
        spotter_result heard;
        for (uint32_t i = 0; i < KWS_FRONTEND_HOP_SAMPLES; i++) {
            const int32_t sample = slots[i] >> SHIFT;
            hop[i] = (int16_t)(sample < INT16_MIN ? INT16_MIN : sample > INT16_MAX ? INT16_MAX : sample);
        }
        if (spotter_push(&listener, hop, KWS_FRONTEND_HOP_SAMPLES, &heard) == SPOTTER_HEARD) {
            printf("%s %u\n", labels[heard.label], (unsigned)heard.score);
        }
    }
}
