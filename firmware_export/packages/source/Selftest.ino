/* Runs the self-test once and says on the serial port whether this build equals the desktop. */
#include <spotter.h>
#include <spotter_selftest.h>

static spotter tested;
static int16_t hop[KWS_FRONTEND_HOP_SAMPLES];

void setup() {
    uint32_t checksum = 0;
    Serial.begin(115200);
    while (!Serial) {
    }
    const bool same = spotter_selftest(&tested, hop, &checksum) == SPOTTER_LISTENING;
    Serial.print(same ? "selftest passed: " : "selftest FAILED: ");
    Serial.println(checksum, HEX);
}

void loop() {
}
