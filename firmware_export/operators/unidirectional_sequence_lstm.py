"""UNIDIRECTIONAL_SEQUENCE_LSTM: Hochreiter and Schmidhuber 1997, with forget gates, int8 and a cell of 16 bits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from firmware_export.codegen.layer_writer import LayerWriter
from firmware_export.ir import Layout, Operation, Value
from firmware_export.operators.registry import Registration
from firmware_export.operators.shared.context import Context, Unsupported
from firmware_export.operators.shared.own_state import scale_of, state_of
from firmware_export.operators.shared.tflite_arithmetic import quantize_multiplier
from kws_tfmot.tflite.graph import Operator

Scale = tuple[int, int]  # multiplier and shift
GATES = ("input", "forget", "cell", "output")  # their order among the operator's inputs
_INPUT_WEIGHTS, _HIDDEN_WEIGHTS, _BIASES, _HIDDEN, _CELL = 1, 5, 12, 18, 19
_ABSENT = (*range(9, 12), 16, 17, *range(20, 24))  # peephole, projection and layer normalisation
_GATE_SCALE, _ACTIVATED_SCALE = 2.0**-12, 2.0**-15
# Where TFLM's table is one above the nearest number, so that chords between its places lie nearer to the curve.
# fmt: off
_ONE_MORE = frozenset((
    4, 8, 12, 14, 15, 16, 17, 19, 20, 21, 22, 25, 27, 28, 29, 30, 31, 33, 34, 35, 37, 39, 40, 41, 43, 44, 45, 46, 49,
    50, 54, 62, 63, 64, 66, 82, 86, 93, 100, 103, 112, 116, 135, 255,
))
# fmt: on


@dataclass(frozen=True)
class Gate:
    """One gate: weights int8, biases with the zero points in them, and how each product is rescaled to 2^-12."""

    input: np.ndarray  # [units, inputs]
    hidden: np.ndarray  # [units, units]
    input_bias: np.ndarray
    hidden_bias: np.ndarray
    input_scale: Scale
    hidden_scale: Scale


@dataclass(frozen=True)
class Lstm(Operation):
    """``c = f c + i tanh(..)``, ``h = o tanh(c)`` over every step of the input; h and c go on where they ended."""

    gates: tuple[Gate, ...]
    forget: Scale
    candidate: Scale
    hidden: Scale
    power: int  # of two, of the cell's scale
    limit: int  # of the cell, 0 for none
    zero_point: int

    @property
    def units(self) -> int:
        """How many."""
        return len(self.gates[0].hidden)

    def scratch_bytes(self, encoding: str) -> int:
        """Four gates of 16 bits a unit and one step of the input."""
        return -(-(8 * self.units + self.gates[0].input.shape[1]) // 4) * 4

    def emit(self, writer: LayerWriter) -> str:
        """The call of ``kws_lstm_run``."""
        source, target = writer.source().layout, writer.target.layout
        gates = ", ".join(self._gate(writer, gate, name) for gate, name in zip(self.gates, GATES, strict=True))
        tanh = (3 << self.power + 12, 0, 0) if self.power >= -12 else (3, 1 << -self.power - 13, -self.power - 12)
        members: list[object] = [
            writer.array("uint16_t", "sigmoid", sigmoid_table(), 2),
            f"{{{gates}}}",
            *(self.forget[0], self.candidate[0], self.hidden[0], tanh[0], tanh[1]),
            *(self.forget[1], self.candidate[1], self.hidden[1], tanh[2], self.zero_point, self.limit),
            *(source.pixels, self.gates[0].input.shape[1], self.units, source.plane, target.plane),
        ]
        places = (writer.input(), writer.input(1), writer.input(2), writer.output, writer.scratch)
        address = writer.struct("kws_lstm", members)
        return writer.call("kws_lstm_run", address, *places, needs=("kws_lstm_run_get_buffer_size",))

    def _gate(self, writer: LayerWriter, gate: Gate, name: str) -> str:
        arrays = [
            writer.array("int8_t", f"{name}_weights", gate.input.reshape(-1)),
            writer.array("int8_t", f"{name}_hidden", gate.hidden.reshape(-1)),
            writer.array("int32_t", f"{name}_bias", gate.input_bias, 4),
            writer.array("int32_t", f"{name}_hidden_bias", gate.hidden_bias, 4),
        ]
        scales = (gate.input_scale[0], gate.hidden_scale[0], gate.input_scale[1], gate.hidden_scale[1])
        return "{" + ", ".join(map(str, (*arrays, *scales))) + "}"


def sigmoid_table() -> tuple[int, ...]:
    """``2^16 sigmoid(n / 24)`` for n from 0 to 255 as TFLM rounds it: to the nearest, or one more at some places.

    >>> sigmoid_table()[:5], sigmoid_table()[-1]
    ((32768, 33451, 34133, 34813, 35493), 65535)
    """
    return tuple(math.floor(65536 / (1 + math.exp(-n / 24)) + 0.5) + (n in _ONE_MORE) for n in range(256))


def lower(context: Context, operator: Operator) -> None:
    """UNIDIRECTIONAL_SEQUENCE_LSTM with int8 inputs, outputs and hidden state."""
    if extra := [n for n in _ABSENT if n < len(operator.inputs) and operator.inputs[n] >= 0]:
        raise Unsupported(f"peephole, projection and layer normalisation are not supported (inputs {extra})")
    options = operator.options
    if options.get("time_major") or options.get("fused_activation_function") != "TANH" or options.get("proj_clip"):
        raise Unsupported("expected tanh, the batch first, and no limit of a projection")
    source = context.input_value(operator)
    hidden, kept = state_of(context, operator, _HIDDEN, "the hidden state")
    cell, memory = state_of(context, operator, _CELL, "the cell state")
    target = context.output_value(operator)
    value, out = context.program.values[source], context.program.values[target]
    if hidden.dtype != "int8" or cell.dtype != "int16":
        raise Unsupported(f"expected a hidden state of int8, a cell of int16. Received: {hidden.dtype}, {cell.dtype}")
    scale, zero = scale_of(hidden, "the hidden state")
    gates = tuple(_gate(context, operator, gate, value, (scale, zero)) for gate in range(4))
    units = len(gates[0].hidden)
    steps = value.layout.pixels
    if value.layout.height != 1 or out.layout != Layout(1, steps, units) or steps < 1:
        raise Unsupported(f"{value.layout} does not become {out.layout} with {units} units")
    if any(gate.hidden.shape != (units, units) or gate.input.shape[0] != units for gate in gates):
        raise Unsupported("the gates have different numbers of units")
    cell_scale = float(np.float32(scale_of(cell, "the cell state")[0]))
    power = round(math.log2(cell_scale))
    if cell_scale != 2.0**power or not -25 <= power <= -5:
        raise Unsupported(f"the cell's scale must be a power of two from 2^-25 to 2^-5. Received: {cell_scale}")
    limit = int(min(float(options.get("cell_clip", 0.0)) / cell_scale, 32767.0))
    operation = Lstm(
        gates,
        forget=_scale(_ACTIVATED_SCALE, cell_scale, cell_scale),
        candidate=_scale(_ACTIVATED_SCALE, _ACTIVATED_SCALE, cell_scale),
        hidden=_scale(_ACTIVATED_SCALE, _ACTIVATED_SCALE, scale),
        power=power,
        limit=max(limit, 0),
        zero_point=zero,
    )
    context.add(context.label(operator), operation, (source, kept, memory), target)


def _gate(context: Context, operator: Operator, gate: int, value: Value, hidden: tuple[float, int]) -> Gate:
    name = GATES[gate]
    given, weights = context.constant(operator, _INPUT_WEIGHTS + gate, f"the weights of the {name} gate")
    kept, recurrent = context.constant(operator, _HIDDEN_WEIGHTS + gate, f"the hidden weights of the {name} gate")
    bias, biases = context.constant(operator, _BIASES + gate, f"the biases of the {name} gate")
    if (given.dtype, kept.dtype, bias.dtype) != ("int8", "int8", "int32") or biases.size != len(weights):
        raise Unsupported(f"the {name} gate must have int8 weights and int32 biases")
    if weights.shape[1] != value.layout.channels:
        raise Unsupported(f"the {name} gate takes {weights.shape[1]} numbers; the input has {value.layout.channels}")
    scales = [np.float32(scale_of(tensor, f"the {name} gate")[0]) for tensor in (given, kept)]
    return Gate(
        input=weights.astype(np.int8),
        hidden=recurrent.astype(np.int8),
        input_bias=np.asarray(biases, np.int64).reshape(-1) - value.zero_point * weights.astype(np.int64).sum(axis=1),
        hidden_bias=-hidden[1] * recurrent.astype(np.int64).sum(axis=1),
        input_scale=quantize_multiplier(float(np.float32(value.scale) * scales[0]) / _GATE_SCALE),
        hidden_scale=quantize_multiplier(float(np.float32(hidden[0]) * scales[1]) / _GATE_SCALE),
    )


def _scale(a: float, b: float, out: float) -> Scale:
    return quantize_multiplier(a * b / float(np.float32(out)))


OPERATORS = (Registration("UNIDIRECTIONAL_SEQUENCE_LSTM", lower, "UnidirectionalSequenceLSTMOptions"),)
