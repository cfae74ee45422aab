/* PIO: the encoders write operation and operand in ways of their own, which the test's simulator reads. */
#ifndef PIO_H
#define PIO_H

#include "pico/stdlib.h"

typedef struct {
    uint32_t rxf[4];
} pio_hw_t;
typedef pio_hw_t *PIO;
typedef struct {
    const uint16_t *instructions;
    uint8_t length;
    int8_t origin;
} pio_program_t;
typedef struct {
    uint32_t clkdiv;
} pio_sm_config;
enum pio_src_dest { pio_pins, pio_x };
enum { PIO_FIFO_JOIN_RX = 2 };

extern PIO pio0;
static inline uint pio_encode_in(enum pio_src_dest from, uint count) {
    return 0x1000u | (uint)from << 8 | count;
}
static inline uint pio_encode_nop(void) {
    return 0x2000u;
}
static inline uint pio_encode_set(enum pio_src_dest to, uint value) {
    return 0x3000u | (uint)to << 8 | value;
}
static inline uint pio_encode_jmp_x_dec(uint address) {
    return 0x4000u | address;
}
static inline uint pio_encode_sideset(uint bits, uint value) {
    return (void)bits, value << 9;
}
bool pio_can_add_program(PIO pio, const pio_program_t *program);
int pio_add_program(PIO pio, const pio_program_t *program);
int pio_claim_unused_sm(PIO pio, bool required);
uint pio_get_dreq(PIO pio, uint sm, bool is_tx);
pio_sm_config pio_get_default_sm_config(void);
void sm_config_set_wrap(pio_sm_config *config, uint target, uint wrap);
void sm_config_set_in_pins(pio_sm_config *config, uint base);
void sm_config_set_sideset(pio_sm_config *config, uint count, bool optional, bool pindirs);
void sm_config_set_sideset_pins(pio_sm_config *config, uint base);
void sm_config_set_in_shift(pio_sm_config *config, bool right, bool autopush, uint threshold);
void sm_config_set_fifo_join(pio_sm_config *config, int join);
void sm_config_set_clkdiv(pio_sm_config *config, float divisor);
void pio_gpio_init(PIO pio, uint pin);
void pio_sm_set_consecutive_pindirs(PIO pio, uint sm, uint pin, uint count, bool out);
void pio_sm_init(PIO pio, uint sm, uint pc, const pio_sm_config *config);
void pio_sm_set_enabled(PIO pio, uint sm, bool enabled);

#endif /* PIO_H */
