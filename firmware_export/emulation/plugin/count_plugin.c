/* A QEMU plugin that counts instructions exactly, models their cycles, and notes both at every marker.
 *
 * The marker `mov r10, r10` (Thumb 0x46d2) does nothing on the core. At each one a line is written to out=PATH:
 *
 *     instructions jumps flash-reads least most [least most ...]
 *
 * all since reset and the marker included: instructions executed, how many of them went on elsewhere than behind
 * themselves, data read below 0x20000000 (counted where flash=on, else 0), and for each table of cores=NAME:NAME the
 * least and most cycles. Every block of instructions is classed when QEMU translates it (timing.h); what it costs is
 * added when it runs, and what a jump adds when the next block turns out to be elsewhere. profile=PATH writes,
 * at the end, `address bytes runs instructions least most jumps` of every block, by the first table, jumps included.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu_plugin.h"
#include "timing.h"

#define CORES 8
#define MARKER 0x46d2u
#define FLASH_END 0x20000000u

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

typedef struct block {
    struct block *next;
    uint64_t start, end, runs, jumps;
    uint64_t instructions;
    cycles each[CORES];
    cycles taken[CORES];   /* added where the last instruction, if it may jump or not, does */
    cycles pairing[CORES]; /* saved by the first instruction behind a load that ended the block before */
    thumb last;
    bool late; /* the last instruction jumps or not */
} block;

typedef struct rest {
    struct rest *next;
    uint64_t instructions;
    cycles each[CORES];
} rest; /* of a block, behind a marker; `next`: of the marker before in the same block */

typedef struct {
    uint64_t least, most;
} total;

static const timing *cores[CORES];
static uint32_t core_count;
static uint64_t executed, jumped, flash_reads;
static total spent[CORES];
static block *blocks, *before;
static FILE *out;
static const char *profile;
static bool watch_flash;

static void at_block(unsigned int cpu, void *data) {
    (void)cpu;
    block *b = data;
    if (before != NULL && before->end != b->start) {
        jumped++;
        before->jumps++;
        for (uint32_t i = 0; before->late && i < core_count; i++) {
            spent[i].least += before->taken[i].least;
            spent[i].most += before->taken[i].most;
        }
    } else if (before != NULL && before->last.kind == OP_LOAD) {
        for (uint32_t i = 0; i < core_count; i++) {
            spent[i].least -= b->pairing[i].least;
            spent[i].most -= b->pairing[i].most;
        }
    }
    executed += b->instructions;
    b->runs++;
    for (uint32_t i = 0; i < core_count; i++) {
        spent[i].least += b->each[i].least;
        spent[i].most += b->each[i].most;
    }
    before = b;
}

static void at_marker(unsigned int cpu, void *data) {
    (void)cpu;
    const rest *r = data;
    fprintf(out, "%" PRIu64 " %" PRIu64 " %" PRIu64, executed - r->instructions, jumped, flash_reads);
    for (uint32_t i = 0; i < core_count; i++) {
        fprintf(out, " %" PRIu64 " %" PRIu64, spent[i].least - r->each[i].least, spent[i].most - r->each[i].most);
    }
    fputc('\n', out);
}

static void at_access(unsigned int cpu, qemu_plugin_meminfo_t info, uint64_t address, void *data) {
    (void)cpu;
    (void)info;
    (void)data;
    flash_reads += address < FLASH_END; /* nothing writes there */
}

static uint32_t half_word(const uint8_t *code) {
    return code[0] | (uint32_t)code[1] << 8;
}

static thumb decoded(const struct qemu_plugin_insn *insn) {
    const uint8_t *code = qemu_plugin_insn_data(insn);
    const size_t size = qemu_plugin_insn_size(insn); /* 7.2 may hand over more bytes than the instruction has */
    return thumb_decode(half_word(code), size >= 4 ? half_word(code + 2) : 0);
}

static void note_marker(struct qemu_plugin_insn *insn, rest **markers) {
    rest *r = calloc(1, sizeof *r);
    r->next = *markers;
    *markers = r;
    qemu_plugin_register_vcpu_insn_exec_cb(insn, at_marker, NO_REGISTERS, r);
}

static void add(block *b, const thumb *t, const situation *where, rest *markers) {
    const situation behind_load = {.before = {.kind = OP_LOAD}, .known = true, .conditional = where->conditional};
    for (uint32_t i = 0; i < core_count; i++) {
        cycles c = timing_of(cores[i], t, where);
        if (b->instructions == 0 && (t->kind == OP_LOAD || t->kind == OP_STORE)) {
            const cycles paired = timing_of(cores[i], t, &behind_load);
            b->pairing[i] = (cycles){c.least - paired.least, c.most - paired.most};
        }
        b->taken[i] = timing_taken(cores[i], t, where->conditional);
        if (t->jumps && !timing_is_decided_late(t, where->conditional)) {
            c.least += b->taken[i].least;
            c.most += b->taken[i].most;
        }
        b->each[i].least += c.least;
        b->each[i].most += c.most;
        for (rest *r = markers; r != NULL; r = r->next) {
            r->each[i].least += c.least;
            r->each[i].most += c.most;
        }
    }
    for (rest *r = markers; r != NULL; r = r->next) {
        r->instructions++;
    }
    b->instructions++;
    b->late = timing_is_decided_late(t, where->conditional);
    b->last = *t;
}

static void at_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb) {
    (void)id;
    block *b = calloc(1, sizeof *b);
    b->next = blocks;
    blocks = b;
    rest *markers = NULL;
    uint32_t conditional = 0;
    situation where = {.known = false};
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        const thumb t = decoded(insn);
        where.conditional = conditional > 0;
        add(b, &t, &where, markers);
        conditional = t.kind == OP_IT ? t.then : conditional - (conditional > 0);
        where.before = t;
        where.known = true;
        if (half_word(qemu_plugin_insn_data(insn)) == MARKER) {
            note_marker(insn, &markers);
        }
        if (watch_flash) {
            qemu_plugin_register_vcpu_mem_cb(insn, at_access, NO_REGISTERS, ACCESSES, NULL);
        }
        b->start = i == 0 ? qemu_plugin_insn_vaddr(insn) : b->start;
        b->end = qemu_plugin_insn_vaddr(insn) + t.bytes;
    }
    qemu_plugin_register_vcpu_tb_exec_cb(tb, at_block, NO_REGISTERS, b);
}

static void write_profile(void) {
    FILE *file = fopen(profile, "w");
    if (file == NULL) {
        fprintf(stderr, "count_plugin: %s cannot be written\n", profile);
        return;
    }
    for (const block *b = blocks; b != NULL; b = b->next) {
        const uint64_t jumps = b->late ? b->jumps : 0;
        if (b->runs > 0) {
            fprintf(file, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
                    b->start, b->end - b->start, b->runs, b->runs * b->instructions,
                    b->runs * b->each[0].least + jumps * b->taken[0].least,
                    b->runs * b->each[0].most + jumps * b->taken[0].most, b->jumps);
        }
    }
    fclose(file);
}

static void at_exit(qemu_plugin_id_t id, void *data) {
    (void)id;
    (void)data;
    fclose(out);
    if (profile != NULL && core_count > 0) {
        write_profile();
    }
}

static bool choose_cores(char *names) {
    for (char *name = strtok(names, ":"); name != NULL; name = strtok(NULL, ":")) {
        const timing *found = NULL;
        for (uint32_t i = 0; i < timing_count; i++) {
            found = strcmp(timings[i].name, name) == 0 ? &timings[i] : found;
        }
        if (found == NULL || core_count == CORES) {
            fprintf(stderr, "count_plugin: no table %s\n", name);
            return false;
        }
        cores[core_count++] = found;
    }
    return true;
}

static const char *value_of(const char *argument, const char *key) {
    const size_t length = strlen(key);
    return strncmp(argument, key, length) == 0 && argument[length] == '=' ? argument + length + 1 : NULL;
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                                                               char **argv) {
    (void)info;
    for (int i = 0; i < argc; i++) {
        const char *value;
        if ((value = value_of(argv[i], "out")) != NULL) {
            out = fopen(value, "w");
        } else if ((value = value_of(argv[i], "cores")) != NULL) {
            if (!choose_cores(strdup(value))) {
                return 1;
            }
        } else if ((value = value_of(argv[i], "profile")) != NULL) {
            profile = strdup(value);
        } else if (value_of(argv[i], "flash") != NULL) {
            watch_flash = true;
        }
    }
    if (out == NULL) {
        fprintf(stderr, "count_plugin: out=PATH is missing or cannot be written\n");
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, at_translation);
    qemu_plugin_register_atexit_cb(id, at_exit, NULL);
    return 0;
}
