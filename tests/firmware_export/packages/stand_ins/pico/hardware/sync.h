#include "pico/stdlib.h"
void __wfi(void);
