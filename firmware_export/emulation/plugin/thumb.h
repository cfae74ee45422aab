/* What the cycle model needs to know of a Thumb instruction: its class, the registers its address comes from, and the
 * register it computes. Encodings: Armv7-M Architecture Reference Manual (DDI 0403E), chapter A5; loops and vectors:
 * Armv8-M (DDI 0553B). */
#ifndef THUMB_H
#define THUMB_H

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    OP_ALU, /* data processing, shifts, extensions, saturation, parallel additions, hints */
    OP_MUL,
    OP_MLA,      /* MLA, MLS */
    OP_DSP,      /* SMLAD, SMLABB, SMMLA, ...: results of one register */
    OP_LONG_MUL, /* SMULL, UMULL */
    OP_LONG_MAC, /* SMLAL, UMLAL, UMAAL, SMLALBB, SMLALD */
    OP_DIV,
    OP_LOAD,     /* of one register */
    OP_STORE,    /* of one register */
    OP_LOADS,    /* LDM, LDRD, POP: of `count` registers */
    OP_STORES,   /* STM, STRD, PUSH */
    OP_BRANCH,   /* B, CBZ, CBNZ and conditional branches */
    OP_CALL,     /* BL */
    OP_INDIRECT, /* BX, BLX, MOV PC, ADD PC */
    OP_TABLE,    /* TBB, TBH */
    OP_IT,
    OP_STATUS, /* MRS, MSR */
    OP_MASK,   /* CPSID, CPSIE */
    OP_BARRIER,
    OP_BREAK, /* BKPT, SVC, UDF */
    OP_FLOAT,
    OP_FLOAT_MLA,
    OP_FLOAT_DIV,  /* VDIV, VSQRT */
    OP_LOOP_START, /* WLS, DLS, WLSTP, DLSTP */
    OP_LOOP_END,   /* LE, LETP */
    OP_VECTOR,
    OP_VECTOR_LOAD,
    OP_VECTOR_STORE,
    OP_VECTOR_EACH, /* loads and stores at places of their own, element by element */
    OP_KINDS
} thumb_kind;

typedef struct {
    thumb_kind kind;
    uint32_t bytes;   /* 2 or 4 */
    uint32_t count;   /* registers of OP_LOADS and OP_STORES, words of floating-point ones, elements */
    uint32_t address; /* registers, as bits, that an address is computed from */
    uint32_t result;  /* registers, as bits, that data processing writes */
    uint32_t loaded;  /* registers, as bits, that a load of one register writes */
    bool writeback;
    bool indexed;  /* the offset is a register */
    bool literal;  /* the address is relative to PC */
    bool jumps;    /* the instruction writes PC */
    bool maybe;    /* it jumps or not, by its own condition */
    uint32_t then; /* OP_IT: how many instructions follow under its condition */
} thumb;

/* Decode the instruction whose first half-word is `first`; `second` is used where it has four bytes. */
thumb thumb_decode(uint32_t first, uint32_t second);

static inline bool thumb_is_wide(uint32_t first) {
    return (first & 0xf800u) >= 0xe800u;
}

#endif /* THUMB_H */
