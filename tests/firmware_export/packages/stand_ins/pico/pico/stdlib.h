/* Raspberry Pi's SDK, as far as the example uses it. */
#ifndef STDLIB_H
#define STDLIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef unsigned int uint;

#endif /* STDLIB_H */
