/* An LSTM over all steps of its input: int8 in, out and in its hidden state, 16 bits in its gates and its cell. */
#include "kws_dot.h"
#include "kws_lstm_gates.h"
#include "kws_shapes.h"

/* One gate of every unit: the rescaled products with the input and with what the layer gave before, added, activated.
 */
static void kws_lstm_gate(const kws_lstm *layer, uint32_t gate, const int8_t *x, const int8_t *hidden, int16_t *out) {
    const kws_lstm_weights *w = &layer->gates[gate];
    for (uint32_t unit = 0; unit < layer->units; unit++) {
        const int32_t seen = w->input_bias[unit] + kws_dot(w->input + unit * layer->inputs, x, layer->inputs);
        const int32_t kept = w->hidden_bias[unit] + kws_dot(w->hidden + unit * layer->units, hidden, layer->units);
        const int32_t a = kws_saturated(kws_rescale(seen, w->input_multiplier, w->input_shift));
        const int32_t b = kws_saturated(kws_rescale(kept, w->hidden_multiplier, w->hidden_shift));
        const int32_t sum = kws_saturated(a + b);
        out[unit] = gate == KWS_LSTM_CELL ? kws_tanh(layer->sigmoid, 3 * sum) : kws_sigmoid(layer->sigmoid, sum);
    }
}

/* cell = forget * cell + input * candidate, limited. */
static void kws_lstm_cell(const kws_lstm *layer, const int16_t *gates, int16_t *cell) {
    const int16_t *input = gates, *forget = gates + layer->units, *candidate = forget + layer->units;
    for (uint32_t unit = 0; unit < layer->units; unit++) {
        const int32_t kept = kws_rescale(forget[unit] * cell[unit], layer->forget_multiplier, layer->forget_shift);
        const int32_t added = kws_rescale(input[unit] * candidate[unit], layer->input_multiplier, layer->input_shift);
        const int32_t sum = kws_saturated(kws_saturated(added) + kws_saturated(kept));
        cell[unit] = (int16_t)(layer->limit > 0 ? kws_clip(sum, -layer->limit, layer->limit) : sum);
    }
}

/* hidden = output gate * tanh(cell), which is also the output of the step. */
static void kws_lstm_hidden(const kws_lstm *layer, const int16_t *gate, const int16_t *cell, int8_t *hidden,
                            int8_t *output) {
    for (uint32_t unit = 0; unit < layer->units; unit++) {
        const int32_t scaled = (cell[unit] * layer->tanh_multiplier + layer->tanh_round) >> layer->tanh_shift;
        const int32_t product = kws_tanh(layer->sigmoid, scaled) * gate[unit];
        const int32_t sum = layer->zero_point + kws_rescale(product, layer->hidden_multiplier, layer->hidden_shift);
        hidden[unit] = (int8_t)kws_clip(sum, -128, 127);
        *output = hidden[unit];
        output += layer->out_plane;
    }
}

kws_status kws_lstm_run(const kws_lstm *layer, const int8_t *input, int8_t *hidden, int8_t *cell, int8_t *output,
                        void *scratch) {
    if (layer == NULL || input == NULL || hidden == NULL || cell == NULL || output == NULL || scratch == NULL ||
        ((uintptr_t)cell & 1u) != 0 || ((uintptr_t)scratch & 1u) != 0 || layer->steps > layer->in_plane ||
        layer->steps > layer->out_plane) {
        return KWS_ERROR_ARGUMENT;
    }
    int16_t *gates = (int16_t *)scratch, *cells = (int16_t *)(void *)cell;
    int8_t *x = (int8_t *)(gates + 4u * layer->units);
    for (uint32_t step = 0; step < layer->steps; step++) {
        for (uint32_t i = 0; i < layer->inputs; i++) {
            x[i] = input[i * layer->in_plane + step];
        }
        for (uint32_t gate = 0; gate < 4; gate++) {
            kws_lstm_gate(layer, gate, x, hidden, gates + gate * layer->units);
        }
        kws_lstm_cell(layer, gates, cells);
        kws_lstm_hidden(layer, gates + 3u * layer->units, cells, hidden, output + step);
    }
    return KWS_OK;
}
