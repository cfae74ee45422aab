/* Listens to a digital microphone through Zephyr's DMIC interface, which fills blocks of a memory slab by DMA. */
#include <string.h>

#include <zephyr/audio/dmic.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>

#include "spotter.h"

#define BLOCK_BYTES (KWS_FRONTEND_HOP_SAMPLES * sizeof(int16_t))

K_MEM_SLAB_DEFINE_STATIC(blocks, BLOCK_BYTES, 8, 4);
static const char *const labels[] = MODEL_LABELS;
static spotter listener;
static int16_t hop[KWS_FRONTEND_HOP_SAMPLES];

static int start(const struct device *microphone) {
    struct pcm_stream_cfg stream = {
        .pcm_rate = KWS_FRONTEND_SAMPLE_RATE, .pcm_width = 16, .block_size = BLOCK_BYTES, .mem_slab = &blocks};
    struct dmic_cfg settings = {
        .io = {.min_pdm_clk_freq = 1000000, .max_pdm_clk_freq = 3500000, .min_pdm_clk_dc = 40, .max_pdm_clk_dc = 60},
        .streams = &stream,
        .channel = {.req_num_streams = 1, .req_num_chan = 1},
    };
    settings.channel.req_chan_map_lo = dmic_build_channel_map(0, 0, PDM_CHAN_LEFT);
    const int status = device_is_ready(microphone) ? dmic_configure(microphone, &settings) : -1;
    return status < 0 ? status : dmic_trigger(microphone, DMIC_TRIGGER_START);
}

int main(void) {
    const struct device *const microphone = DEVICE_DT_GET(DT_NODELABEL(dmic_dev));
    if (spotter_init(&listener) != SPOTTER_LISTENING || start(microphone) < 0) {
        printk("the microphone does not start\n");
        return 1;
    }
    for (;;) {
        void *block;
        size_t bytes;
        spotter_result heard;
        if (dmic_read(microphone, 0, &block, &bytes, 1000) < 0) {
            printk("samples were lost\n");
            return 1;
        }
        memcpy(hop, block, bytes < BLOCK_BYTES ? bytes : BLOCK_BYTES);
        k_mem_slab_free(&blocks, block);
        if (spotter_push(&listener, hop, KWS_FRONTEND_HOP_SAMPLES, &heard) == SPOTTER_HEARD) {
            printk("%s %u\n", labels[heard.label], heard.score);
        }
    }
}
