"""The steps of a streamed model decide as its whole window does, byte for byte; what cannot be streamed is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stream_support import both, load_steps

from firmware_export.emulation.steps import random_rows, step_of
from firmware_export.encodings import ENCODINGS
from firmware_export.encodings.cost_model import estimate
from firmware_export.engine import Engine, assemble, build
from firmware_export.graphs.graph_writer import GraphWriter
from firmware_export.graphs.random_graphs import SeededChooser
from firmware_export.graphs.random_streams import random_stream
from firmware_export.ir import Program
from firmware_export.operators.kernels.convolution import Convolution
from firmware_export.streaming_summary import streaming_summary
from kws_tfmot.errors import ModelError, RecipeError

VARIED = (0, 1, 2, 4, 7, 9, 10, 11, 13)  # random models whose scores tell one window from the next


def conv(w: GraphWriter, x: int, shape: tuple[int, ...], taps: int, padding: str = "VALID", stride: int = 1) -> int:
    """A convolution of ``taps`` rows with a few weights of each size."""
    rng = np.random.default_rng(shape[1])
    channels_in = w.root.subgraphs[0].tensors[x].shape[3]
    weights = rng.integers(-60, 60, (shape[3], taps, 1, channels_in)).astype(np.int8)
    y = w.activation(shape, 0.02 * (taps * channels_in) ** 0.5 * 0.6, 0)
    inputs = [x, w.weights(weights, np.array([0.02], np.float32), 0)]
    w.operator("CONV_2D", inputs, [y], padding=padding, stride_h=stride, stride_w=1)
    return y


def ending(w: GraphWriter, x: int, rows: int, channels: int) -> bytes:
    """A mean over time ends the model whose input is tensor 0."""
    y = w.activation((1, 1, 1, channels), 0.01, 0)
    w.operator("MEAN", [x, w.constant(np.array([1, 2], np.int32))], [y], keep_dims=True)
    return w.finish([0], [y])


def two_convolutions() -> bytes:
    """20 rows, kernels of 5 and 4 along time, a mean over the 13 rows that are left."""
    w = GraphWriter()
    y = conv(w, w.activation((1, 20, 1, 4), 0.02, 0), (1, 16, 1, 8), 5)
    return ending(w, conv(w, y, (1, 13, 1, 8), 4), 13, 8)


@pytest.mark.parametrize("seed", VARIED)
def test_random_models_decide_as_the_whole_window(seed: int) -> None:
    model = random_stream(SeededChooser(seed))
    steps, whole = both(model, build(model, stream=True), 40, seed)
    assert len(np.unique(whole, axis=0)) > 4
    assert steps.tobytes() == whole.tobytes()


@pytest.mark.slow
def test_many_random_models_decide_as_the_whole_window() -> None:
    varied = 0
    for seed in range(1000, 1150):
        model = random_stream(SeededChooser(seed))
        engine = build(model, stream=True)
        longer = 2 * step_of(engine).rows
        if seed % 3 == 0 and longer <= step_of(engine).window:
            engine = build(model, stream=True, hop=longer)
        steps, whole = both(model, engine, 60, seed)
        assert steps.tobytes() == whole.tobytes(), seed
        varied += len(np.unique(whole, axis=0)) > 4
    assert varied > 75


@pytest.mark.parametrize("encoding", sorted(ENCODINGS))
def test_every_encoding_streams(encoding: str) -> None:
    model = two_convolutions()
    steps, whole = both(model, build(model, stream=True, encodings=(encoding,)), 20)
    assert len(np.unique(whole, axis=0)) > 4
    assert steps.tobytes() == whole.tobytes()


def test_thousands_of_steps_and_resets() -> None:
    model = random_stream(SeededChooser(9))
    engine = build(model, stream=True)
    steps, whole = both(model, engine, 3000)
    assert steps.tobytes() == whole.tobytes()
    library, rows = load_steps(engine), random_rows(engine, step_of(engine).window + 5, 0)
    library.step(rows[: step_of(engine).rows])  # what came before a reset is forgotten
    assert library.run(rows).tobytes() == whole[:6].tobytes()


def test_no_decision_before_a_window_is_full() -> None:
    engine = build(random_stream(SeededChooser(10)), stream=True)
    step, library = step_of(engine), load_steps(engine)
    rows = random_rows(engine, step.rows * (step.warm_up + 1), 0).reshape(step.warm_up + 1, -1)
    decided = [library.step(piece) is not None for piece in rows]
    assert decided == [False] * step.warm_up + [True]
    assert step.warm_up * step.rows < step.window <= (step.warm_up + 1) * step.rows


def replaced(engine: Engine, program: Program) -> Engine:
    """The engine of another program of the same layers."""
    return assemble(program, [picked for picked in engine.picked if picked], engine.digest)


def shifted(engine: Engine, number: int, by: int) -> Engine:
    """The engine with one convolution's taps moved along its ring: a plan wrong by a row."""
    program = engine.program
    layer = program.layers[number]
    operation, row = layer.operation, program.values[layer.inputs[0]].layout.width
    assert isinstance(operation, Convolution) and operation.vector
    moved = replace(operation, weights=np.roll(operation.weights, by * row, axis=1))
    layers = [*program.layers[:number], replace(layer, operation=moved), *program.layers[number + 1 :]]
    baseline = [estimate("dense", op) for each in layers if isinstance(op := each.operation, Convolution)]
    return assemble(replace(program, layers=layers), [one for one in baseline if one], engine.digest)


def test_a_plan_wrong_by_one_row_is_seen() -> None:
    model = two_convolutions()
    engine = build(model, stream=True)
    kept = {state.value for state in engine.program.states}
    windows = [
        n
        for n, layer in enumerate(engine.program.layers)
        if isinstance(layer.operation, Convolution) and layer.inputs[0] in kept
    ]
    assert len(windows) == 2
    for n, by in ((n, by) for n in windows for by in (-1, 1)):
        steps, whole = both(model, shifted(engine, n, by), 20)
        assert steps.tobytes() != whole.tobytes()
    library = load_steps(replaced(engine, replace(engine.program, step=replace(step_of(engine), warm_up=18))))
    rows = random_rows(engine, 24, 0)
    assert len(library.run(rows)) == len(load_steps(engine).run(rows)) + 1


def test_rings_hold_the_least_rows_and_lie_at_the_start_of_the_arena() -> None:
    engine = build(two_convolutions(), stream=True)
    layouts = [engine.program.values[state.value].layout for state in engine.program.states]
    assert [layout.height for layout in layouts] == [5, 4, 13]
    assert engine.plan.state_bytes == sum(layout.bytes for layout in layouts)
    assert [engine.plan.values[state.value] for state in engine.program.states] == [0, 20, 52]
    assert "#define MODEL_STATE_BYTES 180 " in engine.files["model.h"]


def test_strides_decide_by_phase_and_hops_must_fit_them() -> None:
    w = GraphWriter()
    x = w.activation((1, 30, 1, 4), 0.02, 0)
    model = ending(w, conv(w, conv(w, x, (1, 14, 1, 8), 3, stride=2), (1, 4, 1, 8), 4, stride=3), 4, 8)
    assert step_of(build(model, stream=True)).rows == 6
    for hop in (6, 12, 30):
        steps, whole = both(model, build(model, stream=True, hop=hop), 15)
        assert len(np.unique(whole, axis=0)) > 4
        assert steps.tobytes() == whole.tobytes()
    for hop in (0, 3, 7, 36):
        with pytest.raises(RecipeError, match=r"multiple of 6.*up to 30"):
            build(model, stream=True, hop=hop)


def test_everything_that_pads_time_is_refused_at_once() -> None:
    w = GraphWriter()
    x = w.activation((1, 20, 1, 4), 0.02, 0)
    y = conv(w, conv(w, x, (1, 20, 1, 8), 5, padding="SAME"), (1, 20, 1, 8), 3, padding="SAME")
    with pytest.raises(ModelError, match=r"operator 0 CONV_2D.*2 rows before and 2 behind[^$]*operator 1 CONV_2D"):
        build(ending(w, y, 20, 8), stream=True)


def test_padding_and_constants_that_move_with_the_window_are_refused() -> None:
    w = GraphWriter()
    x = w.activation((1, 20, 1, 4), 0.02, 0)
    y = w.activation((1, 22, 1, 4), 0.02, 0)
    w.operator("PAD", [x, w.constant(np.array([[0, 0], [2, 0], [0, 0], [0, 0]], np.int32))], [y])
    with pytest.raises(ModelError, match="before or behind others in time"):
        build(ending(w, y, 22, 4), stream=True)
    w = GraphWriter()
    x = w.activation((1, 20, 1, 4), 0.02, 0)
    c = w.constant(np.arange(80, dtype=np.int8).reshape(1, 20, 1, 4), 0.02)
    y = w.activation((1, 20, 1, 4), 0.04, 0)
    w.operator("ADD", [x, c], [y])
    with pytest.raises(ModelError, match="differs from row to row"):
        build(ending(w, y, 20, 4), stream=True)


def test_squeeze_and_excitation_over_time_is_refused() -> None:
    w = GraphWriter()
    x = w.activation((1, 20, 1, 4), 0.02, 0)
    mean, y = w.activation((1, 1, 1, 4), 0.01, 0), w.activation((1, 20, 1, 4), 0.02, 0)
    w.operator("MEAN", [x, w.constant(np.array([1, 2], np.int32))], [mean], keep_dims=True)
    w.operator("MUL", [x, mean], [y])
    with pytest.raises(ModelError, match="squeeze-and-excitation"):
        build(ending(w, y, 20, 4), stream=True)


def test_an_input_whose_rows_nothing_tells_is_refused() -> None:
    w = GraphWriter()
    x, y = w.activation((1, 24), 0.02, 0), w.activation((1, 3), 0.1, 0)
    weights = w.weights(np.ones((3, 24), np.int8), np.array([0.02], np.float32), 0)
    w.operator("FULLY_CONNECTED", [x, weights], [y])
    with pytest.raises(ModelError, match="how many rows of time"):
        build(w.finish([x], [y]), stream=True)


def test_the_summary_says_window_step_and_receptive_field_or_why_not(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(two_convolutions())
    summary = streaming_summary(path)
    assert summary["possible"]
    assert [summary[key] for key in ("window_rows", "hop_rows", "receptive_field_rows")] == [20, 1, 20]
    w = GraphWriter()
    x = w.activation((1, 30, 1, 4), 0.02, 0)
    path.write_bytes(ending(w, conv(w, conv(w, x, (1, 14, 1, 8), 3, stride=2), (1, 4, 1, 8), 4, stride=3), 4, 8))
    assert streaming_summary(path)["receptive_field_rows"] == 27  # 3 + 2 * 3 + 6 * 3
    w = GraphWriter()
    x = w.activation((1, 20, 1, 4), 0.02, 0)
    path.write_bytes(ending(w, conv(w, x, (1, 20, 1, 8), 5, padding="SAME"), 20, 8))
    assert "pads time" in streaming_summary(path)["reason"]
