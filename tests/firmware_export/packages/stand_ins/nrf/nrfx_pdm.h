/* What the example uses of Nordic's nrfx_pdm.h, release 4. */
#ifndef NRFX_PDM_H
#define NRFX_PDM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NRF_PDM ((void *)0x4001d000)
#define NRF_PDM_FREQ_1280K 0x0A000000
#define NRF_PDM_RATIO_80X 1
#define NRFX_PDM_INSTANCE(reg) {.p_reg = (reg)}
#define NRFX_PDM_DEFAULT_CONFIG(clk, din) {.clk_pin = (clk), .din_pin = (din)}
#define __WFE() ((void)0)

typedef struct {
    void *p_reg;
} nrfx_pdm_t;
typedef struct {
    uint32_t clk_pin, din_pin;
    struct {
        int clock_freq, ratio;
    } prescalers;
} nrfx_pdm_config_t;
typedef struct {
    bool buffer_requested;
    int16_t *buffer_released;
} nrfx_pdm_evt_t;
typedef void (*nrfx_pdm_event_handler_t)(nrfx_pdm_evt_t const *event);

int nrfx_pdm_init(nrfx_pdm_t *instance, nrfx_pdm_config_t const *config, nrfx_pdm_event_handler_t handler);
int nrfx_pdm_start(nrfx_pdm_t *instance);
int nrfx_pdm_buffer_set(nrfx_pdm_t *instance, int16_t *buffer, uint16_t length);
void nrfx_pdm_irq_handler(nrfx_pdm_t *instance);
void PDM_IRQHandler(void);

#endif /* NRFX_PDM_H */
