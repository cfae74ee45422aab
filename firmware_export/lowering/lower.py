"""From a TFLite graph to the engine's program: every check first, all refusals in one error."""

from __future__ import annotations

import math
from dataclasses import replace

from firmware_export.ir import Layer, Layout, Operation, Program, Requant, StepPlan
from firmware_export.lowering.padding import fold_padding
from firmware_export.operators.kernels.clamp import Clamp
from firmware_export.operators.kernels.reshape_tensor import Reshape
from firmware_export.operators.kernels.wide import ITEM_BYTES
from firmware_export.operators.registry import operators
from firmware_export.operators.shared.context import MAX_BYTES, Context, Unsupported
from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.graph import Graph, Operator
from kws_tfmot.tflite.quantized_layers import WEIGHTED

_UNQUANTIZED = (
    "This one computes in float32 or int16: convert it with weights and activations in int8 (of TensorFlow's converter "
    "TFLITE_BUILTINS_INT8 and a representative_dataset). "
)


def lower(graph: Graph) -> Program:
    """Translate ``graph`` into layers the runtime has kernels for.

    Args:
        graph: An int8 classification model with one input and one output.

    Returns:
        The program; its layers are in execution order.

    Raises:
        ModelError: Listing everything that is not supported, by operator and tensor.
    """
    context = Context(graph)
    _check_ends(context)
    if not context.problems:
        _enter(context)
        for operator in graph.operators:
            if operator.index not in context.absorbed:
                _lower_operator(context, operator)
    if not context.problems:
        _leave(context)
    if context.problems:
        lines = "\n".join(f"- {problem}" for problem in context.problems)
        raise ModelError(
            f"the engine cannot run this model:\n{lines}",
            f"Supported: {', '.join(operators())}, int8, batch 1. {_UNQUANTIZED if _computes_wide(graph) else ''}"
            "--target tflm may still take the model.",
        )
    if context.program.states:
        context.program.step = _step_of(graph)
    program = fold_padding(context.program)
    program.layers = [replace(layer, operation=layer.operation.trimmed()) for layer in program.layers]
    return _split_clamps(_fuse_clamps(program))


def _computes_wide(graph: Graph) -> bool:
    """Whether layers with weights read float32 or int16: a model that was not quantised, or in part alone."""
    weighted = [one for one in graph.operators if one.code in WEIGHTED]
    first = [index for one in weighted for index in one.inputs[:1] if index >= 0]
    return any(graph.tensor(index).dtype in ("float32", "int16") for index in first)


def _step_of(graph: Graph) -> StepPlan:
    """How a file with state is run: all of its input at each step, and a decision from the first one on."""
    shape = graph.tensor(graph.inputs[0]).shape
    rows = shape[1] if len(shape) > 2 else 1
    elements = math.prod(shape) // rows
    return StepPlan(rows, rows, 0, elements * ITEM_BYTES.get(graph.tensor(graph.inputs[0]).dtype, 1))


def _lower_operator(context: Context, operator: Operator) -> None:
    registration = operators().get(operator.code)
    try:
        if registration is None or operator.custom:
            raise Unsupported("this operator is not supported")
        if any(context.is_broken(index) for index in operator.inputs):
            for index in operator.outputs:
                context.broken.add(index)
            return
        registration.lower(context, operator)
    except Unsupported as err:
        context.problems.append(f"operator {operator.index} {operator.code}: {err}")
        context.broken.update(operator.outputs)


def _check_ends(context: Context) -> None:
    graph = context.graph
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        context.problems.append(
            f"the engine takes one input and gives one output. Received: {len(graph.inputs)} and {len(graph.outputs)}"
        )
    for index in graph.inputs:
        shape = graph.tensor(index).shape
        if len(shape) > 2 and shape[0] != 1:  # of two sizes the first may be time
            context.problems.append(f"input tensor {index}: a batch of {shape[0]}; convert the model with a batch of 1")
    for tensor in graph.tensors:
        if tensor.sparse:
            context.problems.append(f"tensor {tensor.index} {tensor.name!r} is stored sparse; convert to a dense file")


def _enter(context: Context) -> None:
    """Make the model's input the first value; float, uint8 and int16 are turned to int8 by the first operator."""
    graph, program = context.graph, context.program
    tensor = graph.tensor(graph.inputs[0])
    program.input_type = tensor.dtype
    if tensor.dtype == "float32":
        return  # the QUANTIZE that follows makes the value
    try:
        if tensor.dtype not in ("int8", "uint8", "int16"):
            raise Unsupported(f"expected int8, uint8, int16 or float32 values. Received: {tensor.dtype}")
        scale, zero_point = context.quantization(tensor.index, dtype=tensor.dtype)
        context.enter(tensor.index, scale, zero_point)
    except Unsupported as err:
        context.problems.append(f"input tensor {tensor.index} {tensor.name!r}: {err}")


def _leave(context: Context) -> None:
    graph, program = context.graph, context.program
    tensor = graph.tensor(graph.outputs[0])
    if tensor.index not in context.value_of or program.values[context.value_of[tensor.index]].data is not None:
        context.problems.append(f"output tensor {tensor.index} {tensor.name!r} is not computed from the input")
        return
    program.output_type = tensor.dtype
    value = context.value_of[tensor.index]
    layout = program.values[value].layout
    if not layout.flat:
        try:
            value = context.new_like(value, Layout(1, 1, layout.elements), "the flat output")
        except Unsupported as err:
            context.problems.append(f"output tensor {tensor.index} {tensor.name!r}: {err}")
            return
        context.add("flatten output", Reshape(), (context.value_of[tensor.index],), value)
    elif value == program.input:
        context.problems.append("the model does nothing: its output is its input")
    program.output = value
    program.output_scale, program.output_zero_point = program.values[value].scale, program.values[value].zero_point
    if sum(v.layout.bytes for v in program.values) > MAX_BYTES:
        context.problems.append(f"the activations add up to more than {MAX_BYTES} bytes")


def _fuse_clamps(program: Program) -> Program:
    """Let a convolution clamp its own output where a separate ReLU follows: min(max(.)) twice is once."""
    readers: dict[int, int] = {}
    for layer in program.layers:
        for value in layer.inputs:
            readers[value] = readers.get(value, 0) + 1
    layers: list[Layer] = []
    for layer in program.layers:
        before, limits = layers[-1] if layers else None, layer.operation.limits
        requant = before.operation.requantisation if before is not None else None
        alone = before is not None and layer.inputs == (before.output,) and readers[before.output] == 1
        if before is None or requant is None or limits is None or not alone:
            layers.append(layer)
        else:
            operation = before.operation.with_requantisation(_narrow(requant, limits))
            layers[-1] = replace(before, operation=operation, output=layer.output)
    program.layers = layers
    return program


def _narrow(requant: Requant, limits: tuple[int, int]) -> Requant:
    low, high = max(requant.minimum, limits[0]), min(requant.maximum, limits[1])
    return replace(requant, minimum=low, maximum=max(low, high))


def _split_clamps(program: Program) -> Program:
    """Give limits that the short arithmetic lacks a pass of their own: far cheaper than the long arithmetic."""
    layers: list[Layer] = []
    for layer in program.layers:
        requant = layer.operation.requantisation
        if requant is not None and _worth_splitting(layer.operation, requant):
            value = program.values[layer.output]
            wide = program.add_value(f"{value.name} before its limits", value.layout, value.scale, value.zero_point)
            whole = layer.operation.with_requantisation(replace(requant, minimum=-128, maximum=127))
            layers.append(replace(layer, operation=whole, output=wide))
            layers.append(Layer(f"{layer.name} limits", Clamp(requant.minimum, requant.maximum), (wide,), layer.output))
        else:
            layers.append(layer)
    program.layers = layers
    return program


def _worth_splitting(operation: Operation, requant: Requant) -> bool:
    return requant.short and not requant.saturating and operation.many_pixels
