/* Bare-metal program of the device tests: reads clips.pcm from the host, hop by hop, and writes features.bin. */
#include <string.h>

#include "kws_frontend_tables.h"

extern uint32_t stack_top, data_load, data_start, data_end, bss_start, bss_end;
int main(void);

static uintptr_t semihost(uintptr_t operation, const void *argument) {
    register uintptr_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void quit(uintptr_t code) {
    const uintptr_t block[2] = {0x20026, code};
    semihost(0x20, block);
    for (;;) {
    }
}

static uintptr_t open_file(const char *name, uintptr_t mode) {
    const uintptr_t block[3] = {(uintptr_t)name, mode, strlen(name)};
    return semihost(1, block);
}

static void fault(void) {
    quit(99);
}

static void reset(void) {
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    *(volatile uint32_t *)0xE000ED88u |= 0xFu << 20;
    __asm__ volatile("dsb\n\tisb");
#endif
    memcpy(&data_start, &data_load, (size_t)((char *)&data_end - (char *)&data_start));
    memset(&bss_start, 0, (size_t)((char *)&bss_end - (char *)&bss_start));
    quit((uintptr_t)main());
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    &stack_top, (const void *)reset, (const void *)fault, (const void *)fault};

static uint32_t buffer[(KWS_FRONTEND_BUFFER_BYTES + 3) / 4];
static int16_t samples[KWS_FRONTEND_HOP_SAMPLES];
static int8_t features[KWS_FRONTEND_FEATURES];

int main(void) {
    kws_frontend frontend;
    const uintptr_t input = open_file("clips.pcm", 1);
    const uintptr_t output = open_file("features.bin", 5);
    if (kws_frontend_get_buffer_size(&kws_frontend_constants) != KWS_FRONTEND_BUFFER_BYTES) {
        return 2;
    }
    if (kws_frontend_init(&frontend, &kws_frontend_constants, buffer, sizeof buffer) != KWS_FRONTEND_OK) {
        return 3;
    }
    for (;;) {
        const uintptr_t read[3] = {input, (uintptr_t)samples, sizeof samples};
        if (semihost(6, read) != 0) {
            return 0;
        }
        size_t at = 0;
        while (at < KWS_FRONTEND_HOP_SAMPLES) {
            size_t consumed = 0;
            __asm__ volatile("mov r10, r10" ::: "memory"); /* the counter's begin */
            const kws_frontend_status status =
                kws_frontend_push(&frontend, samples + at, KWS_FRONTEND_HOP_SAMPLES - at, &consumed, features);
            __asm__ volatile("mov r11, r11" ::: "memory"); /* and its end */
            at += consumed;
            if (status == KWS_FRONTEND_FRAME) {
                const uintptr_t write[3] = {output, (uintptr_t)features, sizeof features};
                semihost(5, write);
            } else if (status != KWS_FRONTEND_OK) {
                return 4;
            }
        }
    }
}
