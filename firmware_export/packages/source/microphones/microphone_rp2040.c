/* Raspberry Pi RP2040 and RP2350: an I2S microphone (INMP441 and alike, 24 bits in slots of 32, left) by PIO and DMA.
 *
 * Two DMA channels start each other, a hop each. Word select is the pin after the clock's. Link hardware_pio,
 * hardware_dma and pico_stdlib. */
#include "hardware/clocks.h"
#include "hardware/dma.h"
#include "hardware/irq.h"
#include "hardware/pio.h"
#include "hardware/sync.h"
#include "microphone_ring.h"
#include "pico/stdlib.h"

#define CLOCK_PIN 10 /* and word select on 11 */
#define DATA_PIN 12
#define SHIFT 14 /* 16: the upper half of the slot; each bit less is 6 dB more */

enum { LENGTH = 12, CYCLES_A_FRAME = 128, LEFT = 1, RIGHT = 7 };

static int32_t slots[2][KWS_FRONTEND_HOP_SAMPLES];
static int channels[2];
static microphone_ring ring;

/* Side-set: bit 0 the clock, bit 1 word select, which changes with the clock one bit before its slot, as I2S has it.
 * A bit is two cycles, clock low and clock high; those of the left slot are taken, those of the right pass by. */
static void assemble(uint16_t *code) {
    const uint in = pio_encode_in(pio_pins, 1), nop = pio_encode_nop(), thirty = pio_encode_set(pio_x, 29);
    const uint left = pio_encode_jmp_x_dec(LEFT), right = pio_encode_jmp_x_dec(RIGHT);
    const struct {
        uint instruction, side;
    } program[LENGTH] = {
        {thirty, 0}, {in, 1},  {left, 0},  {in, 1},  {nop, 2}, {in, 3},  /* left: 30 bits, and two more */
        {thirty, 2}, {nop, 3}, {right, 2}, {nop, 3}, {nop, 0}, {nop, 1}, /* right */
    };
    for (int i = 0; i < LENGTH; i++) {
        code[i] = (uint16_t)(program[i].instruction | pio_encode_sideset(2, program[i].side));
    }
}

static void start_pio(PIO pio, uint sm) {
    static uint16_t code[LENGTH];
    assemble(code);
    const pio_program_t program = {.instructions = code, .length = LENGTH, .origin = 0};
    const uint offset = (uint)pio_add_program(pio, &program);
    pio_sm_config settings = pio_get_default_sm_config();
    sm_config_set_wrap(&settings, offset, offset + LENGTH - 1);
    sm_config_set_in_pins(&settings, DATA_PIN);
    sm_config_set_sideset(&settings, 2, false, false);
    sm_config_set_sideset_pins(&settings, CLOCK_PIN);
    sm_config_set_in_shift(&settings, false, true, 32); /* first bit the highest, 32 at a time */
    sm_config_set_fifo_join(&settings, PIO_FIFO_JOIN_RX);
    sm_config_set_clkdiv(&settings, (float)clock_get_hz(clk_sys) / (CYCLES_A_FRAME * KWS_FRONTEND_SAMPLE_RATE));
    pio_gpio_init(pio, CLOCK_PIN);
    pio_gpio_init(pio, CLOCK_PIN + 1);
    pio_gpio_init(pio, DATA_PIN);
    pio_sm_set_consecutive_pindirs(pio, sm, CLOCK_PIN, 2, true);
    pio_sm_set_consecutive_pindirs(pio, sm, DATA_PIN, 1, false);
    pio_sm_init(pio, sm, offset, &settings);
    pio_sm_set_enabled(pio, sm, true);
}

static void on_hop(void) {
    for (int half = 0; half < 2; half++) {
        const uint channel = (uint)channels[half];
        if (dma_channel_get_irq0_status(channel)) {
            int16_t *samples = microphone_ring_next(&ring);
            dma_channel_acknowledge_irq0(channel);
            dma_channel_set_write_addr(channel, slots[half], false); /* for when the other one starts it again */
            for (uint32_t i = 0; i < KWS_FRONTEND_HOP_SAMPLES; i++) {
                samples[i] = microphone_narrow(slots[half][i], SHIFT);
            }
            microphone_ring_added(&ring);
        }
    }
}

static void start_dma(PIO pio, uint sm) {
    for (int half = 0; half < 2; half++) {
        channels[half] = dma_claim_unused_channel(true);
    }
    for (int half = 0; half < 2; half++) {
        dma_channel_config settings = dma_channel_get_default_config((uint)channels[half]);
        channel_config_set_read_increment(&settings, false);
        channel_config_set_write_increment(&settings, true);
        channel_config_set_dreq(&settings, pio_get_dreq(pio, sm, false));
        channel_config_set_chain_to(&settings, (uint)channels[1 - half]);
        dma_channel_configure((uint)channels[half], &settings, slots[half], &pio->rxf[sm], KWS_FRONTEND_HOP_SAMPLES,
                              false);
        dma_channel_set_irq0_enabled((uint)channels[half], true);
    }
    irq_set_exclusive_handler(DMA_IRQ_0, on_hop);
    irq_set_enabled(DMA_IRQ_0, true);
    dma_channel_start((uint)channels[0]);
}

static void wait(void) {
    __wfi();
}

int microphone_start(void) {
    const int sm = pio_claim_unused_sm(pio0, false);
    if (sm < 0 || !pio_can_add_program(pio0, &(pio_program_t){.instructions = NULL, .length = LENGTH, .origin = 0})) {
        return 1;
    }
    start_dma(pio0, (uint)sm);
    start_pio(pio0, (uint)sm);
    return 0;
}

size_t microphone_read(int16_t *samples, size_t count) {
    return microphone_ring_take(&ring, samples, count, wait);
}
