/* The tables, and how neighbours change them. All without wait states.
 *
 * M0:  Cortex-M0 Technical Reference Manual, ARM DDI 0432C, table 3-1, pages 3-4 to 3-6.
 * M0+: Cortex-M0+ Technical Reference Manual, ARM DDI 0484C, table 3-1, pages 3-4 to 3-6; its loads from the
 *      single-cycle I/O port are not modelled.
 * M3:  Cortex-M3 Technical Reference Manual, ARM DDI 0337I, table 3-1, pages 3-4 to 3-7; how loads pair, 3-8 and 3-9.
 * M4:  Cortex-M4 Technical Reference Manual, ARM DDI 0439B, tables 3-1 and 3-2, pages 3-4 to 3-8; how loads pair, 3-9;
 *      floating point, table 7-1, pages 7-4 to 7-6.
 * P, the pipeline refill of M3 and M4, ranges from 1 to 3 by the alignment and width of the target.
 * M33 (no public table; taken as M4) and M55 are ASSUMPTIONS. M55: scalar code as M4, a vector instruction takes two
 * beats of a cycle each and hides one of them behind a vector instruction of the other kind (memory or arithmetic);
 * where each element has a place of its own (gather, scatter), an element takes a cycle.
 */
#include "timing.h"

#define P {1, 3}
#define ARMV7M_COMMON                                                                                            \
    [OP_ALU] = {1, 1}, [OP_MUL] = {1, 1}, [OP_DSP] = {1, 1}, [OP_DIV] = {2, 12}, [OP_LOAD] = {2, 2},             \
    [OP_LOADS] = {1, 1}, [OP_STORES] = {1, 1}, [OP_BRANCH] = {1, 1}, [OP_CALL] = {1, 1}, [OP_INDIRECT] = {1, 1}, \
    [OP_TABLE] = {2, 2}, [OP_IT] = {1, 1}, [OP_STATUS] = {1, 2}, [OP_MASK] = {1, 2}, [OP_BARRIER] = {1, 4},      \
    [OP_BREAK] = {1, 1}, [OP_FLOAT] = {1, 2}, [OP_FLOAT_MLA] = {3, 3}, [OP_FLOAT_DIV] = {14, 14},                \
    [OP_LOOP_START] = {1, 1}, [OP_LOOP_END] = {1, 1}, [OP_VECTOR] = {2, 2}, [OP_VECTOR_LOAD] = {2, 2},           \
    [OP_VECTOR_STORE] = {2, 2}, [OP_VECTOR_EACH] = {0, 0}
#define ARMV7M_TAKEN \
    [OP_BRANCH] = P, [OP_CALL] = P, [OP_INDIRECT] = P, [OP_TABLE] = P, [OP_LOOP_START] = P, [OP_LOOP_END] = {0, 1}
#define ARMV6M(jump, call, indirect, status, multiply)               \
    .each =                                                          \
        {                                                            \
            [OP_ALU] = {1, 1},      [OP_MUL] = {multiply, multiply}, \
            [OP_LOAD] = {2, 2},     [OP_STORE] = {2, 2},             \
            [OP_LOADS] = {1, 1},    [OP_STORES] = {1, 1},            \
            [OP_BRANCH] = {1, 1},   [OP_CALL] = {1, 1},              \
            [OP_INDIRECT] = {1, 1}, [OP_STATUS] = {status, status},  \
            [OP_MASK] = {1, 1},     [OP_BARRIER] = {status, status}, \
            [OP_BREAK] = {1, 1},                                     \
        },                                                           \
    .taken = {[OP_BRANCH] = {jump, jump}, [OP_CALL] = {call, call}, [OP_INDIRECT] = {indirect, indirect}}

const timing timings[] = {
    {.name = "m0", ARMV6M(2, 3, 2, 4, 1), .return_loads = {3, 3}},
    {.name = "m0-slow-multiplier", ARMV6M(2, 3, 2, 4, 32), .return_loads = {3, 3}},
    {.name = "m0plus", ARMV6M(1, 2, 1, 3, 1), .return_loads = {2, 2}},
    {.name = "m0plus-slow-multiplier", ARMV6M(1, 2, 1, 3, 32), .return_loads = {2, 2}},
    {.name = "m3",
     .each = {ARMV7M_COMMON, [OP_MLA] = {2, 2}, [OP_LONG_MUL] = {3, 5}, [OP_LONG_MAC] = {4, 7}, [OP_STORE] = {1, 2}},
     .taken = {ARMV7M_TAKEN},
     .return_loads = P,
     .pipelined = true},
    {.name = "m4",
     .each = {ARMV7M_COMMON, [OP_MLA] = {1, 1}, [OP_LONG_MUL] = {1, 1}, [OP_LONG_MAC] = {1, 1}, [OP_STORE] = {1, 1}},
     .taken = {ARMV7M_TAKEN},
     .return_loads = P,
     .pipelined = true},
    {.name = "m55",
     .each = {ARMV7M_COMMON, [OP_MLA] = {1, 1}, [OP_LONG_MUL] = {1, 1}, [OP_LONG_MAC] = {1, 1}, [OP_STORE] = {1, 1}},
     .taken = {ARMV7M_TAKEN},
     .return_loads = P,
     .pipelined = true,
     .vectors = true},
};
const uint32_t timing_count = sizeof timings / sizeof *timings;

static bool is_vector_memory(thumb_kind kind) {
    return kind == OP_VECTOR_LOAD || kind == OP_VECTOR_STORE;
}

/* "LDR [any] are pipelined when possible": the instruction after a load of one register takes a cycle less where it is
 * a load or store and its address does not come from what was loaded. Nothing pairs with a store before it. A load
 * that also moves its base "is not normally pipelined": it may or may not. */
static void pair(const thumb *t, const situation *where, cycles *c) {
    const thumb *before = &where->before;
    if (before->kind != OP_LOAD || before->jumps || (before->loaded & t->address)) {
        return;
    }
    if (t->kind == OP_LOAD) {
        c->least = 1;
        c->most = before->writeback || t->writeback ? c->most : c->most - 1;
    } else if (t->kind == OP_STORE) {
        c->least = c->most = 1;
    }
}

static cycles in_pipeline(const timing *core, const thumb *t, const situation *where) {
    cycles c = core->each[t->kind];
    const bool memory = t->kind == OP_LOAD || t->kind == OP_STORE || t->kind == OP_LOADS || t->kind == OP_STORES;
    if (t->kind == OP_STORE && t->indexed) {
        c.most = 2;
    }
    if (t->kind == OP_LOAD && t->literal) {
        c.most += 1; /* "might add a cycle because of contention with the fetch unit" */
    }
    if (t->kind == OP_IT && where->known && where->before.bytes == 2) {
        c.least = 0; /* folded into the narrow instruction before it */
    }
    if (where->known && core->pipelined) {
        pair(t, where, &c);
        if (memory && (where->before.result & t->address)) {
            c.least += 1; /* the address waits for data processing: no forwarding path */
            c.most += 1;
        }
    }
    return c;
}

cycles timing_of(const timing *core, const thumb *t, const situation *where) {
    if (where->conditional && timing_is_decided_late(t, true)) {
        return (cycles){1, 1};
    }
    cycles c = in_pipeline(core, t, where);
    if (t->kind == OP_LOADS || t->kind == OP_STORES || t->kind == OP_VECTOR_EACH) {
        c.least += t->count;
        c.most += t->count;
    }
    const bool vector = t->kind == OP_VECTOR || is_vector_memory(t->kind);
    if (core->vectors && vector && where->known) {
        const thumb_kind before = where->before.kind;
        if (is_vector_memory(t->kind) ? before == OP_VECTOR : is_vector_memory(before)) {
            c.least = 1;
        }
    }
    if (where->conditional) {
        c.least = 1; /* skipped, or not: both are carried */
    }
    return c;
}

cycles timing_taken(const timing *core, const thumb *t, bool conditional) {
    if (!t->jumps) {
        return (cycles){0, 0};
    }
    const bool load = t->kind == OP_LOAD || t->kind == OP_LOADS;
    cycles c = load ? core->return_loads : core->taken[t->kind];
    if (conditional) { /* timing_of gave the one cycle of an instruction that is skipped */
        const uint32_t words = t->kind == OP_LOADS ? t->count : 0;
        c.least += core->each[t->kind].least + words - 1;
        c.most += core->each[t->kind].most + words - 1;
    }
    return c;
}

bool timing_is_decided_late(const thumb *t, bool conditional) {
    return t->jumps && (t->maybe || conditional);
}
