/* Runs the model on made-up inputs, counts the cycles of every layer, and writes them as lines of text. */
#include "kws_bench.h"

#include <stdint.h>

#include "kws_bench_model.h"
#include "model.h"

#if defined(__VERSION__)
#define KWS_BENCH_COMPILER __VERSION__
#else
#define KWS_BENCH_COMPILER "unknown"
#endif

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#if defined(KWS_BENCH_CYCLES)
#define KWS_BENCH_COUNTER "own"
#define KWS_BENCH_MASK 0xffffffffu
static void start_counter(void) {}
#elif defined(KWS_BENCH_SYSTICK) || defined(__ARM_ARCH_6M__)
#define KWS_BENCH_COUNTER "systick"
#define KWS_BENCH_MASK 0x00ffffffu /* a layer may take 16.7 million cycles */
#define KWS_BENCH_CYCLES() (0u - REGISTER(0xe000e018u))
static void start_counter(void) {
    REGISTER(0xe000e014u) = 0x00ffffffu; /* SYST_RVR */
    REGISTER(0xe000e018u) = 0;           /* SYST_CVR */
    REGISTER(0xe000e010u) = 5u;          /* SYST_CSR: the core's clock, no interrupt */
}
#else
#define KWS_BENCH_COUNTER "dwt"
#define KWS_BENCH_MASK 0xffffffffu
#define KWS_BENCH_CYCLES() REGISTER(0xe0001004u)
static void start_counter(void) {
    REGISTER(0xe000edfcu) |= 1u << 24;   /* DEMCR: trace on */
    REGISTER(0xe0001fb0u) = 0xc5acce55u; /* DWT_LAR: unlock, where there is a lock */
    REGISTER(0xe0001004u) = 0;
    REGISTER(0xe0001000u) |= 1u; /* DWT_CTRL: CYCCNT on */
}
#endif

enum { INPUTS = KWS_BENCH_INPUTS, REPEATS = 3, PROBES = KWS_BENCH_LAYERS + 1 };

static _Alignas(4) int8_t arena[MODEL_ARENA_BYTES];
static model spotter;
static uint32_t marks[PROBES], least[KWS_BENCH_LAYERS];
static uint32_t probes, checksum;
static kws_bench_put send;

void kws_bench_probe(void) {
    if (probes < PROBES) {
        marks[probes] = KWS_BENCH_CYCLES();
    }
    probes++;
}

/* CRC-32 (polynomial 0xedb88320), bit by bit. */
static uint32_t crc(uint32_t sum, uint8_t byte) {
    sum ^= byte;
    for (int bit = 0; bit < 8; bit++) {
        sum = (sum >> 1) ^ (0xedb88320u & (0u - (sum & 1u)));
    }
    return sum;
}

static void write_text(const char *text) {
    for (; *text != '\0'; text++) {
        if (*text != '\r') {
            checksum = crc(checksum, (uint8_t)*text);
        }
        send(*text);
    }
}

static void write_number(uint32_t value, uint32_t base) {
    char digits[12];
    char *at = digits + sizeof digits - 1;
    *at = '\0';
    do {
        *--at = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    write_text(at);
}

/* The same bytes on every board and in kws bench read. */
static void fill_input(uint32_t number) {
    uint32_t state = number + 1u;
    int8_t *input = model_input(&spotter);
    for (uint32_t i = 0; i < MODEL_INPUT_BYTES; i++) {
        state = state * 1664525u + 1013904223u;
        input[i] = (int8_t)(state >> 24);
    }
}

/* One inference; the least cycles of each layer are kept. */
static int run(uint32_t number, int first) {
    fill_input(number);
    probes = 0;
    if (model_invoke(&spotter) != KWS_OK || probes != PROBES) {
        return -1;
    }
    for (uint32_t layer = 0; layer < KWS_BENCH_LAYERS; layer++) {
        const uint32_t spent = (marks[layer + 1] - marks[layer]) & KWS_BENCH_MASK;
        least[layer] = first || spent < least[layer] ? spent : least[layer];
    }
    return 0;
}

/* input NUMBER crc OUTPUTS cycles LAYER LAYER ... */
static int measure(uint32_t number) {
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        if (run(number, repeat == 0) != 0) {
            return -1;
        }
    }
    uint32_t sum = 0xffffffffu;
    const int8_t *output = model_output(&spotter);
    for (uint32_t i = 0; i < MODEL_OUTPUT_BYTES; i++) {
        sum = crc(sum, (uint8_t)output[i]);
    }
    write_text("input ");
    write_number(number, 10);
    write_text(" crc ");
    write_number(~sum, 16);
    write_text(" cycles");
    for (uint32_t layer = 0; layer < KWS_BENCH_LAYERS; layer++) {
        write_text(" ");
        write_number(least[layer], 10);
    }
    write_text("\r\n");
    return 0;
}

static uint32_t probe_cost(void) {
    probes = 0;
    kws_bench_probe();
    kws_bench_probe();
    return (marks[1] - marks[0]) & KWS_BENCH_MASK;
}

int kws_bench(kws_bench_put put) {
    if (put == 0 || model_init(&spotter, arena, sizeof arena) != KWS_OK) {
        return -1;
    }
    send = put;
    checksum = 0xffffffffu;
    start_counter();
    write_text("kws-bench 1\r\nmodel " KWS_BENCH_MODEL "\r\nfor " KWS_BENCH_CORE " " KWS_BENCH_OPTIMISE
               "\r\ncompiler " KWS_BENCH_COMPILER "\r\ncounter " KWS_BENCH_COUNTER "\r\nprobe ");
    write_number(probe_cost(), 10);
    write_text("\r\n");
    for (uint32_t number = 0; number < INPUTS; number++) {
        if (measure(number) != 0) {
            write_text("refused\r\n");
            return -1;
        }
    }
    const uint32_t sum = ~checksum;
    write_text("end ");
    write_number(sum, 16);
    write_text("\r\n");
    return 0;
}
