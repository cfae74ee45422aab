#include "pico/stdlib.h"
#define DMA_IRQ_0 11
void irq_set_exclusive_handler(uint number, void (*handler)(void));
void irq_set_enabled(uint number, bool enabled);
