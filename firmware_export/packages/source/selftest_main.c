/* Runs the self-test and says whether this build equals the desktop. */
#include <stdio.h>

#include "spotter_selftest.h"

static spotter tested;
static int16_t hop[KWS_FRONTEND_HOP_SAMPLES];

int main(void) {
    uint32_t checksum = 0;
    const int same = spotter_selftest(&tested, hop, &checksum) == SPOTTER_LISTENING;
    printf("selftest %s: %08lx, expected %08lx\n", same ? "passed" : "FAILED", (unsigned long)checksum,
           (unsigned long)SPOTTER_SELFTEST_CHECKSUM);
    return same ? 0 : 1;
}
