/* Unpacking the next row of a layer of few bits. */
#include "kws_engine.h"

const uint8_t *kws_next_row(const kws_conv *layer, const uint8_t *code, int8_t *row) {
    const int8_t *table = layer->group != 0 ? (const int8_t *)code : layer->table;
    code += layer->group != 0 ? 1u << layer->bits : 0u;
    return kws_unpack_row(table, layer->bits, layer->depth, code, row);
}
