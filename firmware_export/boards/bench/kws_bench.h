/* Cycles of a model on a real board, as a log that `kws bench read` understands.
 *
 * From your own main, with clocks, flash and serial port set up, caches as you will ship them and interrupts off:
 *
 *     kws_bench(put);    (put: sends one character to a serial port, ITM or semihosting)
 *
 * Armv7-M and later count with DWT's CYCCNT, Armv6-M with SysTick, which the bench takes over; define
 * KWS_BENCH_CYCLES() to a count of yours, rising by one a cycle, for another. */
#ifndef KWS_BENCH_H
#define KWS_BENCH_H

typedef void (*kws_bench_put)(char character);

/* Runs the model on the bench's inputs and writes the log; 0, or -1 where the engine refuses. */
int kws_bench(kws_bench_put put);

/* The generated model calls it between layers. */
void kws_bench_probe(void);
#define KWS_PROBE(layer) kws_bench_probe()

#endif /* KWS_BENCH_H */
