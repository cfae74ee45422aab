/* An I2S microphone (INMP441 and alike, 24 bits in slots of 32) by DMA on an ESP32, Arduino core 3 or later. */
#include <ESP_I2S.h>
#include <spotter.h>

static const int CLOCK_PIN = 4, WORD_PIN = 5, DATA_PIN = 6; /* yours */
static const int SHIFT = 14; /* 16: the upper half of the slot; each bit less is 6 dB more */

static const char *const labels[] = MODEL_LABELS;
static spotter listener;
static I2SClass microphone;

void setup() {
    Serial.begin(115200);
    microphone.setPins(CLOCK_PIN, WORD_PIN, -1, DATA_PIN);
    if (spotter_init(&listener) != SPOTTER_LISTENING ||
        !microphone.begin(I2S_MODE_STD, KWS_FRONTEND_SAMPLE_RATE, I2S_DATA_BIT_WIDTH_32BIT, I2S_SLOT_MODE_MONO,
                          I2S_STD_SLOT_LEFT)) {
        Serial.println("the microphone does not start");
        while (true) {
        }
    }
}

void loop() {
    static int32_t slots[KWS_FRONTEND_HOP_SAMPLES];
    static int16_t hop[KWS_FRONTEND_HOP_SAMPLES];
    if (microphone.readBytes((char *)slots, sizeof slots) != sizeof slots) {
        return;
    }
    for (uint32_t i = 0; i < KWS_FRONTEND_HOP_SAMPLES; i++) {
        const int32_t sample = slots[i] >> SHIFT;
        hop[i] = (int16_t)(sample < -32768 ? -32768 : sample > 32767 ? 32767 : sample);
    }
    spotter_result heard;
    if (spotter_push(&listener, hop, KWS_FRONTEND_HOP_SAMPLES, &heard) == SPOTTER_HEARD) {
        Serial.print(labels[heard.label]);
        Serial.print(' ');
        Serial.println(heard.score / 32768.0);
    }
}
