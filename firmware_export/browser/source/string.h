/* The three functions of string.h that the runtime calls, as WebAssembly's bulk-memory instructions. */
#ifndef STRING_H
#define STRING_H

#include <stddef.h>

#define memcpy(to, from, bytes) __builtin_memcpy((to), (from), (bytes))
#define memmove(to, from, bytes) __builtin_memmove((to), (from), (bytes))
#define memset(to, value, bytes) __builtin_memset((to), (value), (bytes))

#endif /* STRING_H */
