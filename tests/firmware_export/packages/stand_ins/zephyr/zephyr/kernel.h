/* What the sample uses of Zephyr's kernel. */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct k_mem_slab {
    char *buffer;
};
struct device {
    const char *name;
};

#define K_MEM_SLAB_DEFINE_STATIC(name, block, count, align) \
    static char name##_buffer[(block) * (count)];           \
    static struct k_mem_slab name = {name##_buffer}
#define DT_NODELABEL(label) label
#define DEVICE_DT_GET(node) (&node)

extern const struct device dmic_dev;
void k_mem_slab_free(struct k_mem_slab *slab, void *memory);
bool device_is_ready(const struct device *device);

#endif /* KERNEL_H */
