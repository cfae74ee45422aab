/* Weights as planes of signs: tables of every sum of four inputs, and rows that add up one of them for four weights. */
#ifndef KWS_PLANES_H
#define KWS_PLANES_H

#include "kws_thumb2.h"

#define KWS_GROUP 4u                                           /* inputs of one table */
#define KWS_PAIRS (KWS_BLOCK / 2u)                             /* words of an entry */
#define KWS_TABLE_WORDS ((1u << KWS_GROUP) * KWS_PAIRS)        /* of one table */
#define KWS_TABLES(depth) (((uint32_t)(depth) + 7u) / 8u * 2u) /* an even number */

/* Make the table of up to four inputs: each entry is their sum, negative where their bit of the entry's number is 0.
 * A word holds two pixels, x0 + x1 * 2^16. */
void kws_planes_table(const kws_lane *columns, uint32_t inputs, uint32_t *table);

/* One output channel of a block in C, for any number of planes; returns where the next row begins. */
const uint8_t *kws_planes_row(const kws_conv *layer, uint32_t channel, const uint32_t *tables, const uint8_t *code,
                              int8_t *output, uint32_t count);

/* Sums over `size[1]` planes of `size[0]` bytes, the highest first, that fit 16 bits; returns where the next begins. */
const uint8_t *kws_planes_sum(const uint32_t *tables, const uint8_t *code, const uint32_t size[2],
                              uint32_t sums[KWS_PAIRS]);

#if KWS_THUMB2
/* r4-r7: sums; r8-r11: the entry at r3. */
#define KWS_ADD_ENTRY      \
    "ldm r3, {r8-r11}\n\t" \
    "add r4, r4, r8\n\t"   \
    "add r5, r5, r9\n\t"   \
    "add r6, r6, r10\n\t"  \
    "add r7, r7, r11\n\t"

/* The sums of r2 planes of r12 bytes at r1, the highest first, into r4-r7; r0 stays. */
#define KWS_SUM_PLANES                                                 \
    "movs r4, #0\n\t"                                                  \
    "movs r5, #0\n\t"                                                  \
    "movs r6, #0\n\t"                                                  \
    "movs r7, #0\n"                                                    \
    "1:\n\t"                                                           \
    "add lr, r1, r12\n\t"                                              \
    "lsl r4, r4, #1\n\t"                                               \
    "lsl r5, r5, #1\n\t"                                               \
    "lsl r6, r6, #1\n\t"                                               \
    "lsl r7, r7, #1\n\t"                                               \
    "push {r0, r12}\n"                                                 \
    "2:\n\t"                                                           \
    "ldrb r12, [r1], #1\n\t"                                           \
    "and r3, r12, #15\n\t"                                             \
    "add r3, r0, r3, lsl #4\n\t" KWS_ADD_ENTRY "lsr r12, r12, #4\n\t"  \
    "add r0, r0, #256\n\t"                                             \
    "add r3, r0, r12, lsl #4\n\t" KWS_ADD_ENTRY "add r0, r0, #256\n\t" \
    "cmp r1, lr\n\t"                                                   \
    "bne 2b\n\t"                                                       \
    "pop {r0, r12}\n\t"                                                \
    "subs r2, r2, #1\n\t"                                              \
    "bne 1b\n\t"

/* The same as kws_planes_row, as described in kws_thumb2.h (`columns` are the tables), where the sums over all planes
 * fit 16 bits, (2^bits - 1) * depth < 256. */
const uint8_t *kws_planes_quick(const kws_lane *columns, const uint8_t *code, kws_row *row, int8_t *output);

static inline int kws_planes_are_quick(const kws_conv *layer) {
    return layer->output.plain && ((1u << layer->bits) - 1u) * layer->depth < 256u;
}
#endif

#endif /* KWS_PLANES_H */
