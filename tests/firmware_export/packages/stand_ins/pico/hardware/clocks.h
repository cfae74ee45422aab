#include "pico/stdlib.h"
enum { clk_sys };
uint32_t clock_get_hz(int clock);
