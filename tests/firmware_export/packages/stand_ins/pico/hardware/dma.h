#include "pico/stdlib.h"
typedef struct {
    uint32_t ctrl;
} dma_channel_config;
int dma_claim_unused_channel(bool required);
dma_channel_config dma_channel_get_default_config(uint channel);
void channel_config_set_read_increment(dma_channel_config *config, bool increment);
void channel_config_set_write_increment(dma_channel_config *config, bool increment);
void channel_config_set_dreq(dma_channel_config *config, uint dreq);
void channel_config_set_chain_to(dma_channel_config *config, uint channel);
void dma_channel_configure(uint channel, const dma_channel_config *config, volatile void *write,
                           const volatile void *read, uint32_t count, bool trigger);
void dma_channel_set_irq0_enabled(uint channel, bool enabled);
bool dma_channel_get_irq0_status(uint channel);
void dma_channel_acknowledge_irq0(uint channel);
void dma_channel_set_write_addr(uint channel, volatile void *write, bool trigger);
void dma_channel_start(uint channel);
