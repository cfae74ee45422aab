/* A PDM microphone by DMA through Arduino's PDM library: Nano 33 BLE Sense, Nicla, Portenta, Nano RP2040 Connect. */
#include <PDM.h>
#include <spotter.h>

static const char *const labels[] = MODEL_LABELS;
static spotter listener;
static const uint32_t RING = 8u * KWS_FRONTEND_HOP_SAMPLES;
static int16_t ring[RING];
static volatile uint32_t written = 0; /* by the interrupt alone */
static uint32_t taken = 0;            /* by the loop alone */

/* The library's interrupt: a half of its DMA buffer is full. */
static void onSamples() {
    int16_t block[256];
    int bytes = PDM.available();
    while (bytes > 0) {
        const int count = PDM.read(block, bytes < (int)sizeof block ? bytes : (int)sizeof block);
        if (count <= 0) {
            return;
        }
        for (int i = 0; i < count / 2; i++) {
            ring[(written + (uint32_t)i) % RING] = block[i];
        }
        written = written + (uint32_t)(count / 2);
        bytes -= count;
    }
}

static bool restart() {
    taken = written;
    return spotter_init(&listener) == SPOTTER_LISTENING;
}

void setup() {
    Serial.begin(115200);
    PDM.onReceive(onSamples);
    if (!restart() || !PDM.begin(1, KWS_FRONTEND_SAMPLE_RATE)) {
        Serial.println("the microphone does not start");
        while (true) {
        }
    }
}

void loop() {
    const uint32_t waiting = written - taken;
    if (waiting < KWS_FRONTEND_HOP_SAMPLES) {
        return;
    }
    if (waiting > RING) { /* an inference took too long: what was lost would be heard as a click */
        Serial.println("samples were lost");
        restart();
        return;
    }
    int16_t hop[KWS_FRONTEND_HOP_SAMPLES];
    for (uint32_t i = 0; i < KWS_FRONTEND_HOP_SAMPLES; i++) {
        hop[i] = ring[taken++ % RING];
    }
    spotter_result heard;
    if (spotter_push(&listener, hop, KWS_FRONTEND_HOP_SAMPLES, &heard) == SPOTTER_HEARD) {
        Serial.print(labels[heard.label]);
        Serial.print(' ');
        Serial.println(heard.score / 32768.0);
    }
}
