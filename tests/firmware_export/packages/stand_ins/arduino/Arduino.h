/* What the sketches use of an Arduino core, on this computer: the serial port prints. */
#ifndef ARDUINO_H
#define ARDUINO_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define HEX 16

struct SerialPort {
    void begin(unsigned long) {}
    operator bool() const {
        return true;
    }
    void print(const char *text) {
        fputs(text, stdout);
    }
    void print(char letter) {
        putchar(letter);
    }
    void println(const char *text) {
        puts(text);
    }
    void println(double value) {
        printf("%f\n", value);
    }
    void println(uint32_t value, int) {
        printf("%lx\n", (unsigned long)value);
    }
};

static SerialPort Serial;

void setup();
void loop();

#endif /* ARDUINO_H */
