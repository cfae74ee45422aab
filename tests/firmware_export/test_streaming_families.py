"""Networks of every family without padding along time: steps decide as windows do, and so does the file with state."""

from __future__ import annotations

import math

import numpy as np
import pytest
from stream_support import both, probabilities

from firmware_export.emulation.steps import StepInterpreter, random_rows, step_of, windows_of
from firmware_export.emulation.stream_report import emulate_stream
from firmware_export.engine import Engine, build
from firmware_export.tflm.esphome import esphome_model
from firmware_export.tflm.stateful import stateful_file
from kws_tfmot.keras import keras, seed_everything
from kws_tfmot.models import ModelSettings, build_model, model_names
from kws_tfmot.tflite.convert import convert
from kws_tfmot.tflite.interpreter import open_interpreter
from kws_tfmot.tflite.reader import read_model

SCALE = 2.0**-5
NETWORKS = {
    "bc_resnet": ({"blocks": 2}, (40, 40)),
    "cnn": ({}, (40, 40)),
    "dnn": ({"blocks": 2}, (12, 40)),
    "ds_cnn": ({"blocks": 2}, (49, 40)),
    "matchboxnet": ({"blocks": 1}, (98, 40)),
    "mbconv": ({"cells": ["5x5 e2", "3x3 e1"]}, (49, 40)),
    "tc_resnet8": ({"blocks": 2}, (80, 40)),
    "streaming_cnn": ({"separable": False, "local": True, "blocks": 2}, (85, 40)),
    "tenet": ({"blocks": 3}, (79, 40)),
}


PLAIN = ("cnn", "tc_resnet8")  # one path of convolutions; test_engine_families has them too


def test_no_family_is_left_out() -> None:
    assert set(NETWORKS) == set(model_names())


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in PLAIN else []) for name in NETWORKS]
)
def test_steps_windows_and_tflm_are_one(name: str) -> None:
    seed_everything(1)
    settings, shape = NETWORKS[name]
    network = build_model(ModelSettings(name=name, width=8, time_padding="valid", **settings), shape, 5)
    rng = np.random.default_rng(0)
    for weight in network.weights:  # running statistics of random numbers, so that windows differ
        if "moving" in weight.name:
            weight.assign(rng.uniform(0.01, 0.3, weight.shape))
    examples = rng.integers(-128, 128, (40, *shape, 1), dtype=np.int8) * np.float32(SCALE)
    if name != "streaming_cnn":  # whose scores vary; the others' are too sure for a probability to
        kernel, last = network.layers[-1].kernel, keras.Model(network.inputs, network.layers[-1].input)
        kernel.assign(kernel / np.std(last(examples, training=False) @ kernel))
    data = convert(network, "int8", examples, input_quantization=(SCALE, 0), exact_linear=True)
    engine = build(data, stream=True)
    steps, whole = both(data, engine, 12)
    assert len(np.unique(whole, axis=0)) > 4
    assert steps.tobytes() == whole.tobytes()
    step = step_of(engine)
    windows = windows_of(random_rows(engine, (step.warm_up + 12) * step.rows + step.rows - 1, 0), step)
    assert open_interpreter(data, "tflm").run(windows.reshape(-1, *shape, 1)).tobytes() == steps.tobytes()
    assert name == "dnn" or engine.plan.arena < build(data).plan.arena
    check_files_with_state(data, engine, steps)


def check_files_with_state(data: bytes, engine: Engine, wanted: np.ndarray) -> None:
    """The file for TFLM decides as the engine does, which takes it too, and keeps no more; so does ESPHome's."""
    state, step = stateful_file(data), step_of(engine)
    graph, rows = read_model(state), random_rows(engine, (step.warm_up + len(wanted)) * step.rows, 0)
    stepped = rows.reshape(-1, *graph.tensor(graph.inputs[0]).shape[1:])
    tflm, streamed, again = open_interpreter(state, "tflm"), StepInterpreter(data), StepInterpreter(state)
    for _ in range(2):  # and after a reset
        found = tflm.run_steps(stepped)
        assert found[step.warm_up :].tobytes() == wanted.tobytes()
        assert streamed.run_steps(stepped).tobytes() == wanted.tobytes()
        assert again.run_steps(stepped).tobytes() == found.tobytes()
        for each in (tflm, streamed, again):
            each.reset()
    assert sum(math.prod(variable.shape) for variable in graph.variables) <= engine.plan.state_bytes
    expected = {word: probabilities(data, wanted, word) for word in range(5)}
    word = max(expected, key=lambda word: expected[word].std())  # the one that is not sure all the time
    component = open_interpreter(esphome_model(data, word), "tflm")
    heard = component.run_steps(rows.reshape(-1, step.rows, 40))[step.warm_up :].reshape(-1)
    assert np.abs(heard / 256 - expected[word]).max() < 0.01 and expected[word].std() > 0


@pytest.fixture(scope="module")
def separable() -> bytes:
    """A DS-CNN of one block, whose steps take the kernel for a few rows of a narrow plane."""
    seed_everything(2)
    network = build_model(ModelSettings(width=8, blocks=1, time_padding="valid"), (49, 10), 5)
    examples = np.random.default_rng(0).integers(-128, 128, (40, 49, 10, 1), dtype=np.int8)
    return convert(network, "int8", examples * np.float32(SCALE), input_quantization=(SCALE, 0), exact_linear=True)


@pytest.mark.parametrize("hop", [2, 4, 6, 8])
def test_few_rows_of_a_narrow_plane(separable: bytes, hop: int) -> None:
    engine = build(separable, stream=True, hop=hop)
    kernels = {call.functions[0] for call in engine.calls if "DEPTHWISE" in call.label}
    assert kernels == ({"kws_depthwise_narrow"} if hop <= 6 else {"kws_depthwise_five"})
    steps, whole = both(separable, engine, 12)
    assert len(np.unique(whole, axis=0)) > 4
    assert steps.tobytes() == whole.tobytes()


@pytest.mark.device
@pytest.mark.parametrize("board", ["mps2-an386", "microbit"])
def test_few_rows_on_boards(separable: bytes, board: str) -> None:
    for hop in (2, 4, 6):
        assert emulate_stream(separable, board, hop=hop, steps=12).bit_exact
