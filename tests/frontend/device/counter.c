/* QEMU plugin: counts the instructions between "mov r10, r10" and "mov r11, r11", by address.
 * Debian ships no plugin header; these are the declarations of interface version 1 that are used here. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t,
                                                  void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
extern const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
extern size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, void (*)(unsigned, void *), int, void *);
extern void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *);

extern int qemu_plugin_version;
int qemu_plugin_version = 1;

enum { PLACES = 1 << 18 };
static uint64_t counts[PLACES];
static int active;
static uint64_t begun;
static char path[1024];

static void on_instruction(unsigned cpu, void *address) {
    (void)cpu;
    if (active) {
        ++counts[((uintptr_t)address >> 1) & (PLACES - 1)];
    }
}

static void on_begin(unsigned cpu, void *data) {
    (void)cpu;
    (void)data;
    active = 1;
    ++begun;
}

static void on_end(unsigned cpu, void *data) {
    (void)cpu;
    (void)data;
    active = 0;
}

static void on_block(qemu_plugin_id_t id, struct qemu_plugin_tb *block) {
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); ++i) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(block, i);
        uint16_t code;
        memcpy(&code, qemu_plugin_insn_data(insn), sizeof code);
        if (qemu_plugin_insn_size(insn) == 2 && code == 0x46d2) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_begin, 0, NULL);
        } else if (qemu_plugin_insn_size(insn) == 2 && code == 0x46db) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_end, 0, NULL);
        } else {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_instruction, 0,
                                                   (void *)(uintptr_t)qemu_plugin_insn_vaddr(insn));
        }
    }
}

static void on_exit_write(qemu_plugin_id_t id, void *data) {
    (void)id;
    (void)data;
    FILE *file = fopen(path, "w");
    if (!file) {
        return;
    }
    fprintf(file, "regions %llu\n", (unsigned long long)begun);
    for (size_t i = 0; i < PLACES; ++i) {
        if (counts[i]) {
            fprintf(file, "%zx %llu\n", 2 * i, (unsigned long long)counts[i]);
        }
    }
    fclose(file);
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc,
                                                               char **argv) {
    (void)info;
    for (int i = 0; i < argc; ++i) {
        if (!strncmp(argv[i], "out=", 4)) {
            snprintf(path, sizeof path, "%s", argv[i] + 4);
        }
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_block);
    qemu_plugin_register_atexit_cb(id, on_exit_write, NULL);
    return 0;
}
