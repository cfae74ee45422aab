/* Arm semihosting: the debugger or emulator does input and output. */
#include "board.h"

enum { SYS_OPEN = 0x01, SYS_WRITE0 = 0x04, SYS_WRITE = 0x05, SYS_READ = 0x06, SYS_EXIT_EXTENDED = 0x20 };
enum { OPEN_READ_BINARY = 1, OPEN_WRITE_BINARY = 5, APPLICATION_EXIT = 0x20026 };

static uintptr_t board_call(uintptr_t operation, const void *argument) {
    register uintptr_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void board_exit(int code) {
    const uintptr_t block[2] = {APPLICATION_EXIT, (uintptr_t)code};
    board_call(SYS_EXIT_EXTENDED, block);
    for (;;) {
    }
}

void board_print(const char *text) {
    board_call(SYS_WRITE0, text);
}

int board_open(const char *path, int write) {
    size_t length = 0;
    while (path[length] != '\0') {
        length++;
    }
    const uintptr_t block[3] = {(uintptr_t)path, write ? OPEN_WRITE_BINARY : OPEN_READ_BINARY, length};
    return (int)board_call(SYS_OPEN, block);
}

size_t board_read(int file, void *to, size_t bytes) {
    const uintptr_t block[3] = {(uintptr_t)file, (uintptr_t)to, bytes};
    return bytes - board_call(SYS_READ, block);
}

void board_write(int file, const void *from, size_t bytes) {
    const uintptr_t block[3] = {(uintptr_t)file, (uintptr_t)from, bytes};
    board_call(SYS_WRITE, block);
}
