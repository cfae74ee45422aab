/* Integer square root: one bit a step, the first 16 from the upper 32 bits of the value. */
#include "kws_frontend_internal.h"

#define KWS_ROOT_BIT(bit)                   \
    if (rest >= root + (1u << (bit))) {     \
        rest -= root + (1u << (bit));       \
        root = (root >> 1) + (1u << (bit)); \
    } else {                                \
        root >>= 1;                         \
    }

uint32_t kws_frontend_root(uint64_t value) {
    const uint32_t high = (uint32_t)(value >> 32);
    const uint32_t more = high ? (kws_bits(high) + 1u) / 2u : 0; /* bits of the root beyond 16 */
    uint32_t rest = (uint32_t)(value >> (2u * more)), root = 0;
    KWS_ROOT_BIT(30)
    KWS_ROOT_BIT(28)
    KWS_ROOT_BIT(26)
    KWS_ROOT_BIT(24)
    KWS_ROOT_BIT(22)
    KWS_ROOT_BIT(20)
    KWS_ROOT_BIT(18)
    KWS_ROOT_BIT(16)
    KWS_ROOT_BIT(14)
    KWS_ROOT_BIT(12)
    KWS_ROOT_BIT(10)
    KWS_ROOT_BIT(8)
    KWS_ROOT_BIT(6)
    KWS_ROOT_BIT(4)
    KWS_ROOT_BIT(2)
    KWS_ROOT_BIT(0)
    if (high) {
        uint32_t word = (uint32_t)value << (32u - 2u * more);
        for (uint32_t step = 0; step < more; ++step, word <<= 2) {
            rest = (rest << 2) | (word >> 30);
            root <<= 1;
            if (rest > 2u * root) {
                rest -= 2u * root + 1u;
                ++root;
            }
        }
    }
    return rest > root && (high || root != 0xFFFFu) ? root + 1u : root;
}
