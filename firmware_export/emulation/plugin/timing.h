/* Cycles of Thumb instructions on one core: a range each, least and most, as Arm's manuals give it. */
#ifndef TIMING_H
#define TIMING_H

#include "thumb.h"

typedef struct {
    uint32_t least, most;
} cycles;

typedef struct {
    const char *name;
    cycles each[OP_KINDS];  /* a branch that is not taken; `1 + N` kinds: their 1 */
    cycles taken[OP_KINDS]; /* added where the instruction jumps */
    cycles return_loads;    /* added where LDR, LDM or POP writes PC */
    bool pipelined;         /* neighbouring loads and stores overlap, addresses wait for data processing */
    bool vectors;           /* a vector instruction overlaps one of the other kind before it */
} timing;

extern const timing timings[];
extern const uint32_t timing_count;

/* What is before an instruction. */
typedef struct {
    thumb before;     /* the instruction before, where `known` */
    bool known;       /* there is one, and it did not jump here */
    bool conditional; /* the instruction itself is in an IT block */
} situation;

/* Cycles of one instruction without what a jump adds. */
cycles timing_of(const timing *core, const thumb *t, const situation *where);

/* Cycles added where it jumps: `maybe` tells whether that is decided when it runs. */
cycles timing_taken(const timing *core, const thumb *t, bool conditional);

/* Where the instruction jumps or not by a condition, its own or an IT's. */
bool timing_is_decided_late(const thumb *t, bool conditional);

#endif /* TIMING_H */
