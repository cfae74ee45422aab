/* Decoding of Thumb instructions into classes. */
#include "thumb.h"

#define SP (1u << 13)
#define PC 15u

static uint32_t bit(uint32_t reg) {
    return 1u << reg;
}

static uint32_t ones(uint32_t word) {
    return (uint32_t)__builtin_popcount(word);
}

static thumb computing(uint32_t destination) {
    return (thumb){.kind = OP_ALU, .result = destination == PC ? 0 : bit(destination)};
}

static thumb kind_of(thumb_kind kind) {
    return (thumb){.kind = kind};
}

static thumb jump(thumb_kind kind, bool maybe) {
    return (thumb){.kind = kind, .jumps = true, .maybe = maybe};
}

static thumb single(bool load, uint32_t reg, uint32_t address) {
    return (thumb){.kind = load ? OP_LOAD : OP_STORE, .address = address, .loaded = load ? bit(reg) : 0};
}

static thumb several(bool load, uint32_t count, uint32_t address) {
    return (thumb){.kind = load ? OP_LOADS : OP_STORES, .address = address, .count = count};
}

static thumb special_data(uint32_t h) { /* 010001: any registers, and branches through one */
    const uint32_t destination = (h & 7u) | ((h >> 4) & 8u);
    switch ((h >> 8) & 3u) {
    case 1:
        return kind_of(OP_ALU); /* CMP */
    case 3:
        return jump(OP_INDIRECT, false);
    default:
        return destination == PC ? jump(OP_INDIRECT, false) : computing(destination);
    }
}

static thumb register_data(uint32_t h) { /* 010000 */
    const uint32_t operation = (h >> 6) & 15u;
    if (operation == 13u) {
        return (thumb){.kind = OP_MUL, .result = bit(h & 7u)};
    }
    return operation == 8u || operation == 10u || operation == 11u ? kind_of(OP_ALU) : computing(h & 7u);
}

static thumb register_offset(uint32_t h) { /* 0101 */
    thumb t = single(((h >> 9) & 7u) >= 3u, h & 7u, bit((h >> 3) & 7u) | bit((h >> 6) & 7u));
    t.indexed = true;
    return t;
}

static thumb miscellaneous(uint32_t h) { /* 1011 */
    if ((h & 0x0500u) == 0x0100u) {
        return jump(OP_BRANCH, true); /* CBZ, CBNZ */
    }
    switch ((h >> 8) & 15u) {
    case 0:
        return (thumb){.kind = OP_ALU, .result = SP};
    case 4:
    case 5:
        return several(false, ones(h & 0x1ffu), SP);
    case 6:
        return kind_of(OP_MASK);
    case 12:
    case 13: {
        thumb t = several(true, ones(h & 0x1ffu), SP);
        t.jumps = (h & 0x100u) != 0;
        return t;
    }
    case 14:
        return kind_of(OP_BREAK);
    case 15: {
        thumb t = kind_of((h & 15u) ? OP_IT : OP_ALU);
        t.then = (h & 15u) ? 4u - (uint32_t)__builtin_ctz(h & 15u) : 0;
        return t;
    }
    default:
        return computing(h & 7u);
    }
}

static thumb narrow(uint32_t h) {
    switch (h >> 12) {
    case 0:
    case 1:
        return computing(h & 7u);
    case 2:
    case 3:
        return (h >> 11) == 5u ? kind_of(OP_ALU) : computing((h >> 8) & 7u);
    case 4:
        if (h & 0x0800u) {
            thumb t = single(true, (h >> 8) & 7u, 0);
            t.literal = true;
            return t;
        }
        return h & 0x0400u ? special_data(h) : register_data(h);
    case 5:
        return register_offset(h);
    case 6:
    case 7:
    case 8:
        return single((h & 0x0800u) != 0, h & 7u, bit((h >> 3) & 7u));
    case 9:
        return single((h & 0x0800u) != 0, (h >> 8) & 7u, SP);
    case 10:
        return computing((h >> 8) & 7u);
    case 11:
        return miscellaneous(h);
    case 12:
        return several((h & 0x0800u) != 0, ones(h & 0xffu), bit((h >> 8) & 7u));
    case 13:
        return ((h >> 8) & 15u) >= 14u ? kind_of(OP_BREAK) : jump(OP_BRANCH, true);
    default:
        return jump(OP_BRANCH, false);
    }
}

static thumb doubles(uint32_t a, uint32_t b) { /* LDRD, STRD, exclusive accesses, TBB */
    const bool load = (a & 0x10u) != 0;
    if ((a & 0xfff0u) == 0xe8d0u && (b & 0xffe0u) == 0xf000u) {
        thumb t = jump(OP_TABLE, false);
        t.address = bit(a & 15u) | bit(b & 15u);
        return t;
    }
    if ((a & 0x0120u) == 0) {
        return single(load, b >> 12, bit(a & 15u));
    }
    thumb t = several(load, 2, bit(a & 15u));
    t.writeback = (a & 0x20u) != 0;
    return t;
}

static thumb branches(uint32_t a, uint32_t b) {
    const uint32_t operation = (a >> 4) & 0x7fu;
    switch (b & 0x5000u) {
    case 0x5000:
        return jump(OP_CALL, false);
    case 0x1000:
        return jump(OP_BRANCH, false);
    case 0x4000: /* BLX with an address is for A profiles, so these are loops and their predication */
        if ((a & 0xffcfu) == 0xf00fu) {
            return b == 0xe001u ? kind_of(OP_ALU) : jump(OP_LOOP_END, true); /* LCTP, or LE and LETP */
        }
        if ((b & 0xf801u) == 0xe801u) {
            return kind_of(OP_VECTOR); /* VCTP */
        }
        return (a & 0xff80u) == 0xf000u ? jump(OP_LOOP_START, true) : jump(OP_CALL, false);
    default:
        break;
    }
    if ((operation & 0x38u) != 0x38u) {
        return jump(OP_BRANCH, true);
    }
    switch (operation & 7u) {
    case 3:
        return kind_of(OP_BARRIER);
    case 0:
    case 1:
    case 6:
    case 7:
        return kind_of(OP_STATUS);
    default:
        return kind_of(OP_ALU);
    }
}

static thumb singles(uint32_t a, uint32_t b) { /* 11111 00: loads and stores of one register */
    const bool load = (a & 0x10u) != 0;
    const uint32_t base = a & 15u, target = b >> 12;
    const bool word = (a & 0x60u) == 0x40u;
    if (load && target == PC && !word) {
        return kind_of(OP_ALU); /* PLD, PLI */
    }
    thumb t = single(load, target, base == PC ? 0 : bit(base));
    t.literal = base == PC;
    t.jumps = load && target == PC;
    if (base != PC && (a & 0x80u) == 0) {
        t.writeback = (b & 0x0900u) == 0x0900u;
        t.indexed = (b & 0x0fc0u) == 0;
        t.address |= t.indexed ? bit(b & 15u) : 0;
    }
    return t;
}

static thumb multiplies(uint32_t a, uint32_t b) {
    thumb t = {.kind = OP_DSP, .result = bit((b >> 8) & 15u)};
    if ((a & 0x80u) == 0) {
        if ((a & 0x70u) == 0) {
            t.kind = (b >> 12) == PC && (b & 0x30u) == 0 ? OP_MUL : OP_MLA;
        }
        return t;
    }
    t.result |= bit(b >> 12) & ~bit(PC);
    switch ((a >> 4) & 7u) {
    case 0:
    case 2:
        t.kind = OP_LONG_MUL;
        break;
    case 1:
    case 3:
        t.kind = OP_DIV;
        break;
    default:
        t.kind = OP_LONG_MAC;
        break;
    }
    return t;
}

static thumb float_memory(uint32_t a, uint32_t b) {
    const bool load = (a & 0x10u) != 0;
    if ((a & 0x01e0u) == 0x0040u) {
        return kind_of(OP_FLOAT); /* VMOV of two core registers */
    }
    if ((a & 0x0120u) == 0x0100u) {
        return several(load, (b & 0x0100u) ? 2 : 1, bit(a & 15u));
    }
    thumb t = several(load, b & 0xffu, bit(a & 15u));
    t.writeback = (a & 0x20u) != 0;
    return t;
}

static thumb coprocessor(uint32_t a, uint32_t b) {
    const bool scalar = (b & 0x0e00u) == 0x0a00u && (a & 0x1000u) == 0;
    if ((a & 0x0200u) == 0) {
        if (scalar) {
            return float_memory(a, b);
        }
        if ((a & 0xffe0u) == 0xec00u && (b & 0x1fe0u) == 0x0f00u) {
            return kind_of(OP_VECTOR); /* VMOV of two lanes */
        }
        thumb t = {.kind = (a & 0x10u) ? OP_VECTOR_LOAD : OP_VECTOR_STORE, .address = bit(a & 15u)};
        if ((a & 0x0120u) == 0 && (b & 0x1e00u) == 0x0e00u) { /* offsets in a register of vectors */
            t.kind = OP_VECTOR_EACH;
            t.count = 16u >> ((b >> 7) & 3u);
        }
        return t;
    }
    if (!scalar || (a & 0x0100u)) {
        return kind_of(OP_VECTOR);
    }
    if (b & 0x10u) {
        return kind_of(OP_FLOAT); /* VMOV of a core register or lane, VMRS */
    }
    switch (a & 0xb0u) {
    case 0x00:
    case 0x10:
    case 0x90:
    case 0xa0:
        return kind_of(OP_FLOAT_MLA);
    case 0x80:
        return kind_of(OP_FLOAT_DIV);
    case 0xb0:
        return kind_of((a & 0xfu) == 1u && (b & 0xc0u) == 0xc0u ? OP_FLOAT_DIV : OP_FLOAT);
    default:
        return kind_of(OP_FLOAT);
    }
}

static thumb wide(uint32_t a, uint32_t b) {
    const uint32_t operation = (a >> 4) & 0x7fu;
    if (operation & 0x40u && ((a >> 11) & 3u) != 2u) {
        return coprocessor(a, b);
    }
    switch ((a >> 11) & 3u) {
    case 1:
        if ((operation & 0x64u) == 0x00u) {
            thumb t = several((a & 0x10u) != 0, ones(b), bit(a & 15u));
            t.writeback = (a & 0x20u) != 0;
            t.jumps = (a & 0x10u) && (b & 0x8000u);
            return t;
        }
        return (operation & 0x64u) == 0x04u ? doubles(a, b) : computing((b >> 8) & 15u);
    case 2:
        return b & 0x8000u ? branches(a, b) : computing((b >> 8) & 15u);
    default:
        if ((operation & 0x60u) == 0) {
            return singles(a, b);
        }
        return (operation & 0x70u) == 0x30u ? multiplies(a, b) : computing((b >> 8) & 15u);
    }
}

thumb thumb_decode(uint32_t first, uint32_t second) {
    thumb t = thumb_is_wide(first) ? wide(first, second) : narrow(first);
    t.bytes = thumb_is_wide(first) ? 4 : 2;
    return t;
}
