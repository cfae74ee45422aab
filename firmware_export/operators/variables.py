"""VAR_HANDLE, CALL_ONCE, READ_VARIABLE and ASSIGN_VARIABLE: states that are kept from step to step."""

from __future__ import annotations

from firmware_export.ir import State
from firmware_export.operators.kernels.reshape_tensor import Reshape
from firmware_export.operators.registry import Registration
from firmware_export.operators.shared.context import Context, Unsupported, layout_of
from firmware_export.operators.shared.memories import initial_bytes
from kws_tfmot.tflite.graph import Operator
from kws_tfmot.tflite.resource_variables import ASSIGN, CALL_ONCE, HANDLE, READ


def lower_nothing(context: Context, operator: Operator) -> None:
    """VAR_HANDLE names a variable, CALL_ONCE sets the variables as a reset of the engine does: no layer."""


def lower_read(context: Context, operator: Operator) -> None:
    """A copy of the state, which a later assignment does not touch."""
    target = context.output_value(operator)
    state = _state_of(context, operator, operator.outputs[0])
    context.add(context.label(operator), Reshape(), (state,), target)


def lower_assign(context: Context, operator: Operator) -> None:
    """A copy into the state."""
    source = context.input_value(operator, 1)
    state = _state_of(context, operator, operator.inputs[1])
    context.add(context.label(operator), Reshape(), (source,), state)


def _state_of(context: Context, operator: Operator, tensor: int) -> int:
    handle = context.graph.handles.get(operator.inputs[0])
    if handle is None:
        raise Unsupported(f"tensor {operator.inputs[0]} is the handle of no variable")
    variable = context.graph.variables[handle]
    if variable.dtype != "int8":
        raise Unsupported(f"the variable {variable.name!r} must be int8. Received: {variable.dtype}")
    if variable.index not in context.state_of:
        layout = layout_of(variable.shape)
        scale, zero_point = context.quantization(tensor)
        value = context.program.add_value(variable.name, layout, scale, zero_point)
        context.program.states.append(State(value, initial_bytes(variable, layout)))
        context.state_of[variable.index] = value
    return context.state_of[variable.index]


OPERATORS = (
    Registration(HANDLE, lower_nothing, "VarHandleOptions"),
    Registration(CALL_ONCE, lower_nothing, "CallOnceOptions"),
    Registration(READ, lower_read),
    Registration(ASSIGN, lower_assign),
)
