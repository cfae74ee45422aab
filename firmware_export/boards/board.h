/* What the example firmware asks of a board: files, text and an exit code, here through semihosting. */
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>
#include <stdint.h>

#define BOARD_FAULT 99          /* exit code of a hard fault */
#define BOARD_PAINT 0xa5c3a5c3u /* what unused stack looks like */
#define BOARD_PAINT_WORDS 2048  /* how much of the stack is watched */

void board_exit(int code);
void board_print(const char *text);
int board_open(const char *path, int write);         /* a handle, or -1 */
size_t board_read(int file, void *to, size_t bytes); /* bytes read */
void board_write(int file, const void *from, size_t bytes);
size_t board_stack_used(void); /* high-water mark since reset */

#endif /* BOARD_H */
