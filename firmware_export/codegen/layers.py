"""The constants and the kernel call of each kind of layer."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from firmware_export.codegen.c_source import array
from firmware_export.codegen.memory_plan import MemoryPlan
from firmware_export.encodings import ENCODINGS, Encoded
from firmware_export.encodings.cost_model import Estimate
from firmware_export.ir import (
    Clamp,
    Convolution,
    Depthwise,
    Elementwise,
    Fill,
    Layer,
    Lookup,
    Mean,
    Place,
    Pool,
    Program,
    Requant,
    Reshape,
    Softmax,
    Window,
)


@dataclass(frozen=True)
class Call:
    """One line of the inference: the expression, and the runtime functions it needs."""

    layer: int
    label: str
    text: str
    functions: tuple[str, ...]


@dataclass
class Constants:
    """Definitions that stand before the inference."""

    texts: list[str] = field(default_factory=list)
    size: int = 0

    def array(self, ctype: str, name: str, values: np.ndarray | bytes | tuple[int, ...], item: int = 1) -> str:
        """Define a constant array and return its name."""
        self.texts.append(array(ctype, name, values))
        self.size += len(values) * item
        return name

    def struct(self, ctype: str, name: str, members: list[object]) -> str:
        """Define a constant structure and return its address."""
        body = ", ".join(str(member) for member in members)
        self.texts.append(f"static const {ctype} {name} = {{{body}}};")
        return f"&{name}"


def _window(w: Window) -> str:
    members = (
        *(w.input.height, w.input.width, w.input.plane, w.output.height, w.output.width, w.output.plane),
        *(w.height, w.width, w.stride_y, w.stride_x, w.dilation_y, w.dilation_x, w.first_y, w.first_x, w.zero_point),
    )
    return "{" + ", ".join(str(m) for m in members) + "}"


def _requant(constants: Constants, n: int, q: Requant) -> str:
    bias = constants.array("int32_t", f"bias_{n}", q.bias, 4)
    multiplier = constants.array("int32_t", f"multiplier_{n}", q.multiplier, 4)
    shift = constants.array("int8_t", f"shift_{n}", q.shift)
    return f"{{{bias}, {multiplier}, {shift}, {q.zero_point}, {q.minimum}, {q.maximum}, {int(q.plain)}}}"


def _convolution(constants: Constants, n: int, op: Convolution, name: str, encoded: Encoded) -> tuple[str, list[str]]:
    weights = constants.array("uint8_t", f"weights_{n}", encoded.data)
    table = constants.array("int8_t", f"table_{n}", encoded.table) if encoded.table else "NULL"
    gather = "kws_gather_pointwise" if op.window.pointwise else "kws_gather_window"
    kernel = f"kws_{'fc' if op.vector else 'conv'}_{ENCODINGS[name].kernel}"
    members: list[object] = [weights, table, _requant(constants, n, op.requant)]
    members += ["NULL" if op.vector else gather, _window(op.window), op.weights.shape[1], op.weights.shape[0]]
    members += [encoded.bits, encoded.group]
    address = constants.struct("kws_conv", f"layer_{n}", members)
    functions = [kernel] if op.vector else [kernel, gather]
    return f"{kernel}({address}, %0, %o, %s)", functions


def _depthwise(constants: Constants, n: int, op: Depthwise, encoded: Encoded | None) -> tuple[str, list[str]]:
    data = encoded.data if encoded else np.ascontiguousarray(op.weights, np.int8).tobytes()
    weights = constants.array("uint8_t", f"weights_{n}", data)
    table = constants.array("int8_t", f"table_{n}", encoded.table) if encoded and encoded.table else "NULL"
    w = op.window
    kernel = f"kws_depthwise_{'3x3' if op.common else 'wide' if op.wide else 'any'}"
    unpack = ["kws_unpack_row"] if encoded else []
    members: list[object] = [weights, table, *(unpack or ["NULL"]), _requant(constants, n, op.requant), _window(w)]
    members += [w.input.channels, op.multiplier, encoded.bits if encoded else 0]
    address = constants.struct("kws_depthwise", f"layer_{n}", members)
    return f"{kernel}({address}, %0, %o, %s)", [kernel, *unpack]


def _pool(constants: Constants, n: int, op: Pool) -> tuple[str, list[str]]:
    kernel = "kws_average_pool" if op.average else "kws_max_pool"
    members: list[object] = [_window(op.window), op.window.input.channels, op.minimum, op.maximum]
    return f"{kernel}({constants.struct('kws_pool', f'layer_{n}', members)}, %0, %o)", [kernel]


def _mean(constants: Constants, n: int, op: Mean, program: Program, layer: Layer) -> tuple[str, list[str]]:
    source, target = program.values[layer.inputs[0]].layout, program.values[layer.output].layout
    members: list[object] = [source.height, source.width, source.plane, target.plane, source.channels]
    members += [int(op.over_y), int(op.over_x), op.offset, op.multiplier, op.shift, op.zero_point]
    return f"kws_mean_pool({constants.struct('kws_mean', f'layer_{n}', members)}, %0, %o)", ["kws_mean_pool"]


def _elementwise(
    constants: Constants, n: int, op: Elementwise, program: Program, layer: Layer
) -> tuple[str, list[str]]:
    out = program.values[layer.output].layout
    members: list[object] = [out.channels, out.height, out.width, out.plane, *op.strides[0], *op.strides[1]]
    members += [*op.zero_points, *op.multipliers, *op.shifts, op.minimum, op.maximum]
    kernel = "kws_add" if op.add else "kws_multiply"
    return f"{kernel}({constants.struct('kws_elementwise', f'layer_{n}', members)}, %0, %1, %o)", [kernel]


def _place(constants: Constants, n: int, op: Place, program: Program, layer: Layer) -> tuple[str, list[str]]:
    source, target = program.values[layer.inputs[0]].layout, program.values[layer.output].layout
    members: list[object] = [source.channels, source.height, source.width, source.plane]
    members += [target.width, target.plane, op.start]
    return f"kws_place_tensor({constants.struct('kws_place', f'layer_{n}', members)}, %0, %o)", ["kws_place_tensor"]


def _reshape(constants: Constants, n: int, program: Program, layer: Layer) -> tuple[str, list[str]]:
    source, target = program.values[layer.inputs[0]].layout, program.values[layer.output].layout
    members: list[object] = [source.channels, source.pixels, source.plane]
    members += [target.channels, target.pixels, target.plane]
    address = constants.struct("kws_reshape", f"layer_{n}", members)
    return f"kws_reshape_tensor({address}, %0, %o)", ["kws_reshape_tensor"]


def _softmax(constants: Constants, n: int, op: Softmax, program: Program, layer: Layer) -> tuple[str, list[str]]:
    layout = program.values[layer.inputs[0]].layout
    members: list[object] = [layout.channels, layout.plane, layout.pixels, op.multiplier, op.shift, op.smallest]
    address = constants.struct("kws_softmax", f"layer_{n}", members)
    return f"kws_softmax_rows({address}, %0, %o)", ["kws_softmax_rows"]


def _call(
    constants: Constants, n: int, layer: Layer, program: Program, picked: Estimate | None
) -> tuple[str, list[str]]:
    op = layer.operation
    size = program.values[layer.output].layout.bytes
    if isinstance(op, Convolution) and picked is not None:
        return _convolution(constants, n, op, picked.encoding, picked.encoded)
    if isinstance(op, Depthwise):
        return _depthwise(constants, n, op, picked.encoded if picked else None)
    if isinstance(op, Pool):
        return _pool(constants, n, op)
    if isinstance(op, Mean):
        return _mean(constants, n, op, program, layer)
    if isinstance(op, Elementwise):
        return _elementwise(constants, n, op, program, layer)
    if isinstance(op, Place):
        return _place(constants, n, op, program, layer)
    if isinstance(op, Reshape):
        return _reshape(constants, n, program, layer)
    if isinstance(op, Softmax):
        return _softmax(constants, n, op, program, layer)
    if isinstance(op, Lookup):
        return f"kws_lookup({constants.array('int8_t', f'table_{n}', op.table)}, {size}, %0, %o)", ["kws_lookup"]
    if isinstance(op, Clamp):
        return f"kws_clamp({op.minimum}, {op.maximum}, {size}, %0, %o)", ["kws_clamp"]
    if isinstance(op, Fill):
        return f"kws_fill({op.value}, {size}, %o)", ["kws_fill"]
    raise TypeError(f"no code for {type(op).__name__}")


def constants_of(
    program: Program, plan: MemoryPlan, n: int, layer: Layer, picked: Estimate | None
) -> tuple[Constants, Call]:
    """Constants and call of layer ``n``."""
    constants = Constants()
    text, functions = _call(constants, n, layer, program, picked)

    def place(value: int) -> str:
        return f"value_{value}" if program.values[value].data is not None else f"arena + {plan.values[value]}"

    for position, value in enumerate(layer.inputs):
        text = text.replace(f"%{position}", place(value))
    scratch = f"arena + {plan.scratch[n]}" if plan.scratch[n] >= 0 else "NULL"
    text = text.replace("%o", place(layer.output)).replace("%s", scratch)
    return constants, Call(n, layer.name, text, tuple(functions))
