"""Resource variables of a ``.tflite``: what a model remembers from one inference to the next.

VAR_HANDLE names a variable (container and shared name), READ_VARIABLE and ASSIGN_VARIABLE read and write it, and
CALL_ONCE runs a second subgraph before the first inference, which assigns constants: the initial state.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.graph import Graph, Operator, Tensor, Variable

CALL_ONCE, HANDLE, READ, ASSIGN = "CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE"
MAX_SUBGRAPHS = 64
MAX_VARIABLES = 1024
_ONLY_INFERENCE = "Models with control flow or several signatures are not supported; convert the inference alone."


def variable_name(operator: Operator) -> str:
    """What a VAR_HANDLE refers to: container and shared name.

    >>> variable_name(Operator(0, "VAR_HANDLE", (), (1,), {"container": "", "shared_name": "stream/states"}))
    'stream/states'
    """
    container, shared = operator.options.get("container", ""), operator.options.get("shared_name", "")
    return f"{container}/{shared}" if container else str(shared)


def with_variables(main: Graph, others: list[Graph]) -> Graph:
    """The inference graph with the variables it keeps, their initial values taken from the other subgraphs.

    Args:
        main: The first subgraph.
        others: The subgraphs after it, in order: each must be an initialiser that a CALL_ONCE of ``main`` names, and
            hold nothing but VAR_HANDLE and ASSIGN_VARIABLE of constants.

    Raises:
        ModelError: If a subgraph is something else, or handles, variables and their uses do not fit each other.
    """
    calls = [
        operator.options.get("init_subgraph_index", 0) for operator in main.operators if operator.code == CALL_ONCE
    ]
    wrong = [number for number in calls if not 1 <= number <= len(others)]
    if wrong:
        raise ModelError(f"CALL_ONCE names subgraph {wrong[0]}; the model has subgraphs 0 to {len(others)}.")
    unused = sorted(set(range(1, len(others) + 1)) - set(calls))
    if unused:
        raise ModelError(
            f"expected a model with one subgraph, and initialisers of its variables. Received: {len(others) + 1} "
            f"subgraphs, of which {unused} no CALL_ONCE calls.",
            _ONLY_INFERENCE,
        )
    initial: dict[str, Tensor] = {}
    for number in calls:
        initial |= _initial_values(others[number - 1], number)
    handles = _handles(main)
    if not handles:
        return main
    variables: dict[str, Variable] = {}
    for operator in main.operators:
        if operator.code in (READ, ASSIGN):
            name, tensor = _use(main, operator, handles)
            found = variables.get(name)
            if found is None:
                variables[name] = _variable(name, tensor, initial.get(name), len(variables))
            elif (found.shape, found.dtype) != (tensor.shape, tensor.dtype):
                raise ModelError(
                    f"the variable {name!r} is {found.dtype}{list(found.shape)} in one place, and "
                    f"{tensor.dtype}{list(tensor.shape)} at operator {operator.index} ({operator.code})."
                )
    order = {name: number for number, name in enumerate(variables)}
    numbers = {tensor: order[name] for tensor, name in handles.items() if name in order}
    return replace(main, variables=tuple(variables.values()), handles=numbers)


def _handles(graph: Graph) -> dict[int, str]:
    """Names of variables by the tensor of their handle."""
    handles = {o.outputs[0]: variable_name(o) for o in graph.operators if o.code == HANDLE and o.outputs}
    if len(handles) > MAX_VARIABLES:
        raise ModelError(f"expected at most {MAX_VARIABLES} variables. Received: {len(handles)}.")
    return handles


def _use(graph: Graph, operator: Operator, handles: dict[int, str]) -> tuple[str, Tensor]:
    """The variable that an operator reads or assigns, and the tensor with its value."""
    where = f"operator {operator.index} ({operator.code})"
    wanted = (1, 1) if operator.code == READ else (2, 0)
    if (len(operator.inputs), len(operator.outputs)) != wanted or -1 in operator.inputs:
        raise ModelError(f"{where}: expected {wanted[0]} inputs and {wanted[1]} outputs. Received: {operator.inputs}")
    if operator.inputs[0] not in handles:
        raise ModelError(f"{where}: input {operator.inputs[0]} is not a handle that VAR_HANDLE gave.")
    return handles[operator.inputs[0]], graph.tensor(
        operator.outputs[0] if operator.code == READ else operator.inputs[1]
    )


def _initial_values(graph: Graph, number: int) -> dict[str, Tensor]:
    others = sorted({o.code for o in graph.operators} - {HANDLE, ASSIGN})
    if others or graph.inputs or graph.outputs:
        raise ModelError(
            f"expected subgraph {number} to set variables to constants. Received: {', '.join(others) or 'inputs'}.",
            _ONLY_INFERENCE,
        )
    handles, values = _handles(graph), {}
    for operator in graph.operators:
        if operator.code == ASSIGN:
            name, tensor = _use(graph, operator, handles)
            if tensor.data is None:
                raise ModelError(f"subgraph {number} sets the variable {name!r} to something that is not constant.")
            values[name] = tensor
    return values


def _variable(name: str, tensor: Tensor, initial: Tensor | None, index: int) -> Variable:
    if initial is None:
        return Variable(index, name, tensor.shape, tensor.dtype, tensor.quantization, None)
    if (initial.shape, initial.dtype) != (tensor.shape, tensor.dtype):
        raise ModelError(
            f"the variable {name!r} starts as {initial.dtype}{list(initial.shape)} and is used as "
            f"{tensor.dtype}{list(tensor.shape)}."
        )
    return Variable(index, name, tensor.shape, tensor.dtype, tensor.quantization, np.asarray(initial.data))


def starts_at_zero_point(variable: Variable) -> bool:
    """Whether the initial value is the zero point throughout, which is what TFLM's own reset gives.

    A variable that nothing initialises starts so.
    """
    if variable.initial is None:
        return True
    zero_points = variable.quantization.zero_points if variable.quantization else (0,)
    return bool(np.all(variable.initial == zero_points[0]))
