"""Models with state: resource variables read, checked, shown and run step by step; SVDF and LSTM read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.arena import measure_arena
from kws_tfmot.tflite.consistency import check_operators
from kws_tfmot.tflite.edit import finish, open_for_edit, operators_of, set_options
from kws_tfmot.tflite.inspect import inspect
from kws_tfmot.tflite.interpreter import open_interpreter, outputs_equal, random_inputs
from kws_tfmot.tflite.reader import read_model
from kws_tfmot.tflite.resource_variables import starts_at_zero_point
from kws_tfmot.tflite.slim import slim
from tests.tflite.tflite_builders import build, operator, tensor

ROWS, FEATURES, MEMORY = 2, 3, 4
HANDLE = ("VarHandleOptions", {"shared_name": b"memory"})


def remembering(initial: int | None = -7, **changes: Any) -> bytes:
    """A model that keeps the last four rows, and gives these and the two new ones as its output."""
    scale, kept, joined = 0.1, (1, MEMORY, 1, FEATURES), (1, MEMORY + ROWS, 1, FEATURES)
    start = changes.get("start", kept)
    tensors = [
        tensor((1, ROWS, 1, FEATURES), "int8", scale, -7),
        tensor((), "resource"),
        tensor(kept, "int8", scale, -7),
        tensor(joined, "int8", scale, -7),
        tensor((4,), "int32", data=np.array(changes.get("begin", [0, -MEMORY, 0, 0]), np.int32)),
        tensor((4,), "int32", data=np.zeros(4, np.int32)),
        tensor((4,), "int32", data=np.ones(4, np.int32)),
        tensor(kept, "int8", scale, -7),
    ]
    slicing = ("StridedSliceOptions", {"begin_mask": 13, "end_mask": 15, **changes.get("masks", {})})
    operators = [
        operator("CALL_ONCE", [], [], ("CallOnceOptions", {"init_subgraph_index": changes.get("subgraph", 1)})),
        operator("VAR_HANDLE", [], [1], HANDLE),
        operator("READ_VARIABLE", [1], [2]),
        operator("CONCATENATION", [2, 0], [3], ("ConcatenationOptions", {"axis": 1})),
        operator("STRIDED_SLICE", [3, 4, 5, 6], [7], slicing),
        operator("ASSIGN_VARIABLE", [changes.get("handle", 1), 7], []),
    ]
    if initial is None:
        return build(tensors, operators[1:], [0], [3])
    value = np.full(start, initial, np.int8)
    second = [tensor((), "resource"), tensor(start, "int8", scale, -7, data=value)]
    assign = [operator("VAR_HANDLE", [], [0], HANDLE), operator("ASSIGN_VARIABLE", [0, 1], [])]
    return build(tensors, operators, [0], [3], (second, assign))


def expected(steps: np.ndarray, initial: int) -> np.ndarray:
    """What the model gives: a sliding window."""
    rows = np.concatenate([np.full((MEMORY, 1, FEATURES), initial, np.int8), *steps])
    return np.stack([rows[n * ROWS : n * ROWS + MEMORY + ROWS] for n in range(len(steps))])


def test_variables_are_read_with_their_initial_values() -> None:
    graph = read_model(remembering(initial=5))
    (variable,) = graph.variables
    assert (variable.name, variable.shape, variable.dtype) == ("memory", (1, MEMORY, 1, FEATURES), "int8")
    assert np.all(variable.initial == 5)
    assert not starts_at_zero_point(variable)
    assert graph.handles == {1: 0}
    assert graph.stateful
    assert read_model(remembering(initial=None)).variables[0].initial is None


@pytest.mark.parametrize("kind", ["tflm", "builtin", "reference", "xnnpack"])
@pytest.mark.parametrize("initial", [-7, 5])
def test_every_interpreter_goes_on_from_step_to_step_and_starts_anew_after_a_reset(kind: str, initial: int) -> None:
    interpreter = open_interpreter(remembering(initial), kind)
    steps = random_inputs(interpreter.graph, 9, seed=1)
    wanted = expected(steps, initial)
    np.testing.assert_array_equal(interpreter.run_steps(steps), wanted)
    np.testing.assert_array_equal(
        interpreter.run_steps(steps[:3])[0, :MEMORY], steps[-MEMORY // ROWS :].reshape(-1, 1, 3)
    )
    interpreter.reset()
    np.testing.assert_array_equal(interpreter.run_steps(steps), wanted)
    np.testing.assert_array_equal(interpreter.run(steps)[5], expected(steps[5:6], initial)[0])


def test_inspect_shows_the_state() -> None:
    state = inspect(remembering()).state
    assert state is not None
    assert (state.bytes, state.rows_per_step) == (MEMORY * FEATURES, ROWS)
    assert [variable.name for variable in state.variables] == ["memory"]


@pytest.mark.parametrize("level", ["portable", "tflm"])
def test_slimming_keeps_the_initialiser(level: str) -> None:
    model = remembering(initial=5)
    smaller = slim(model, level)
    assert len(smaller) < len(model)
    assert outputs_equal(model, smaller)
    assert np.all(read_model(smaller).variables[0].initial == 5)
    assert not outputs_equal(model, remembering(initial=6))


def test_the_arena_is_measured() -> None:
    assert measure_arena(remembering())["total"] > MEMORY * FEATURES


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"subgraph": 2}, "CALL_ONCE names subgraph 2"),
        ({"subgraph": 0}, "CALL_ONCE names subgraph 0"),
        ({"handle": 2}, "input 2 is not a handle"),
        ({"start": (1, 2, 1, FEATURES)}, "'memory' starts as int8"),
    ],
)
def test_variables_that_do_not_fit_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        read_model(remembering(**changes))


def test_a_subgraph_that_computes_is_refused() -> None:
    second = [tensor((1, 4), "int8", 0.1), tensor((1, 4), "int8", 0.1)]
    model = build(
        [tensor((1, 4), "int8", 0.1), tensor((1, 4), "int8", 0.1)],
        [operator("RELU", [0], [1])],
        [0],
        [1],
        (second, [operator("RELU", [0], [1])]),
    )
    with pytest.raises(ModelError, match=r"before they are written|no CALL_ONCE calls"):
        read_model(model)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"begin": [0, -3, 0, 0]}, "expected the output shape"),
        ({"masks": {"ellipsis_mask": 1}}, "ellipsis_mask of a slice is not supported"),
        ({"masks": {"shrink_axis_mask": 1}}, "expected the output shape"),
    ],
)
def test_slices_that_do_not_fit_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        check_operators(read_model(remembering(**changes)))


def svdf(state: str, rank: int = 2) -> bytes:
    """An SVDF of three units over four features and five steps."""
    rng = np.random.default_rng(0)
    units, features, memory = 3, 4, 5
    filters, time = units * rank, "int8" if state == "int8" else "int16"
    tensors = [
        tensor((1, features), "int8", 0.05, 3),
        tensor((filters, features), "int8", 0.01, data=rng.integers(-127, 128, (filters, features), np.int8)),
        tensor((filters, memory), time, 0.01, data=rng.integers(-127, 128, (filters, memory)).astype(time)),
        tensor((units,), "int32", 2e-4, data=rng.integers(-99, 99, units, np.int32)),
        tensor((1, memory * filters), state, 0.02, 0),
        tensor((1, units), "int8", 0.05, -4),
    ]
    tensors[4]["variable"] = True
    nodes = [operator("SVDF", [0, 1, 2, 3, 4], [5], ("SVDFOptions", {"rank": rank, "fused_activation_function": 1}), 3)]
    return build(tensors, nodes, [0], [5])


def test_an_svdf_keeps_its_state() -> None:
    model = svdf("int16")
    summary = inspect(model)
    assert summary.state is not None
    assert (summary.state.bytes, summary.macs) == (60, 6 * 4 + 6 * 5)
    interpreter = open_interpreter(model, "tflm")
    steps = random_inputs(interpreter.graph, 8, seed=2)
    first = interpreter.run_steps(steps)
    assert not np.array_equal(interpreter.run_steps(steps), first)
    interpreter.reset()
    np.testing.assert_array_equal(interpreter.run_steps(steps), first)


@pytest.mark.parametrize("kind", ["builtin", "reference", "xnnpack"])
def test_litert_does_not_get_an_int8_state_beyond_which_it_would_write(kind: str) -> None:
    with pytest.raises(ModelError, match="int8 state"):
        open_interpreter(svdf("int8"), kind)
    assert open_interpreter(svdf("int8"), "tflm").run_steps(np.zeros((2, 4), np.int8)).shape == (2, 3)


def test_an_svdf_that_does_not_fit_is_refused() -> None:
    root = open_for_edit(svdf("int16"))
    set_options(operators_of(root)[0], "SVDFOptions", rank=4)
    with pytest.raises(ModelError, match="no multiple of the rank"):
        open_interpreter(finish(root), "tflm")


def test_only_tensors_that_hold_nothing_may_be_empty() -> None:
    empty = [tensor((1, 4), "int8", 0.1), tensor((0,), "int8", 0.1), tensor((1, 4), "int8", 0.1)]
    model = build(empty, [operator("RELU", [0], [2])], [0], [2])
    with pytest.raises(ModelError, match="at least 1"):
        read_model(model)
