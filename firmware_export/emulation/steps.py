"""A streaming engine on this computer, step by step, and what its steps are compared with: the whole window."""

from __future__ import annotations

import ctypes
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from firmware_export.emulation.host import (
    EngineInterpreter,
    EngineLibrary,
    TimedEngine,
    compile_library,
    finish_output,
    quantize_input,
)
from firmware_export.engine import Engine, build
from firmware_export.ir import StepPlan
from firmware_export.operators.kernels.wide import ITEM_BYTES
from kws_tfmot.errors import OUR_FAULT, ModelError, ToolchainError
from kws_tfmot.evaluation.streaming.spotter import Steps
from kws_tfmot.progress import SILENT, Reporter
from kws_tfmot.tflite.document import read_source
from kws_tfmot.tflite.interpreter import Interpreter, input_spec, open_interpreter
from kws_tfmot.tflite.reader import read_model

NOT_READY = 1  # KWS_NOT_READY of the runtime


class StepLibrary:
    """A compiled streaming engine: rows in, scores out once a window is full.

    Args:
        engine: Built with ``stream=True``.
        path: Its library; compiled where not given.

    Raises:
        ModelError: For an engine that runs whole windows.
        ToolchainError: Without a C compiler.
    """

    def __init__(self, engine: Engine, path: Path | None = None) -> None:
        step_of(engine)
        library = ctypes.CDLL(str(path or compile_library(engine)))
        name = engine.name
        self.engine = engine
        self._init, self._reset, self._step = (library[f"{name}_{what}"] for what in ("init", "reset", "step"))
        self._init.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
        self._reset.argtypes = (ctypes.c_void_p,)
        self._step.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
        program = engine.program
        self._size = program.values[program.input].layout.elements
        self._arena = np.zeros(engine.plan.arena + 8, np.int8)
        self._context = ctypes.create_string_buffer(2 * ctypes.sizeof(ctypes.c_void_p))
        self._scores = np.zeros(program.values[program.output].layout.elements, np.int8)
        start = self._arena.ctypes.data + -self._arena.ctypes.data % 4
        if self._init(self._context, start, engine.plan.arena) != 0:
            raise ModelError(f"the engine refused an arena of {engine.plan.arena} bytes.", OUR_FAULT)

    def reset(self) -> None:
        """Forget all rows."""
        self._reset(self._context)

    def step(self, rows: np.ndarray) -> np.ndarray | None:
        """Scores ``int8[classes]`` of the window that ends with ``rows``, ``None`` while there is no whole window.

        Raises:
            ModelError: If ``rows`` is not the int8 input of one step.
        """
        flat = np.ascontiguousarray(rows).view(np.int8).reshape(-1)
        if flat.size != self._size:
            raise ModelError(f"expected {self._size} numbers a step. Received: {flat.size}.")
        status = self._step(self._context, flat.ctypes.data, self._scores.ctypes.data)
        if status == NOT_READY:
            return None
        if status != 0:
            raise ModelError("the engine reported an error.", OUR_FAULT)
        return self._scores.copy()

    def run(self, rows: np.ndarray) -> np.ndarray:
        """Scores ``int8[N, classes]`` of every step over ``rows`` from the first whole window on, after a reset."""
        self.reset()
        flat = np.ascontiguousarray(rows).view(np.int8).reshape(-1)
        pieces = flat[: flat.size // self._size * self._size].reshape(-1, self._size)
        scores = [found for piece in pieces if (found := self.step(piece)) is not None]
        return np.array(scores, np.int8).reshape(len(scores), self._scores.size)


class StepInterpreter:
    """The device engine of a model that is run in steps, as an interpreter backend.

    Args:
        model: Path or bytes of a ``.tflite``, one with state or one that can be streamed.
        optimise: As for :func:`firmware_export.engine.build`; results do not depend on it.
        hop: Frames a step takes; the least possible by default.

    Attributes:
        engine: What was compiled.
        input: Of a step.
        steps: Frames of a step, and those before the first decision.
        name: What it is.

    Raises:
        ModelError: If the model is corrupt, not supported by the engine, or cannot be streamed.
        RecipeError: For a hop that the model cannot have.
        ToolchainError: Without a C compiler.
    """

    def __init__(self, model: str | Path | bytes, optimise: str = "balanced", hop: int | None = None) -> None:
        data = read_source(model)
        self.engine = build(data, optimise=optimise, name="host", stream=True, hop=hop)
        self._library = StepLibrary(self.engine)
        step = step_of(self.engine)
        self.steps = Steps(step.rows, (step.warm_up + 1) * step.rows)
        numbers = step.row_elements // ITEM_BYTES.get(self.engine.program.input_type, 1)
        self.input = replace(input_spec(read_model(data)), shape=(1, step.rows, numbers))
        self.name = f"kws-tfmot device engine, {step.rows} rows a step (host build, encodings for {optimise})"

    def run(self, batch: np.ndarray) -> np.ndarray:
        """Outputs ``[N, classes]`` of whole windows, each from the initial state: what its last step gives.

        Rows before a window that no number of steps fills are no part of it, and what they hold does not matter.

        Raises:
            ModelError: If the samples are not of the model's input type or size.
        """
        rows = self._quantised(batch)
        before = self.steps.first * step_of(self.engine).row_elements - rows.shape[1]
        padded = np.concatenate([np.zeros((len(rows), max(before, 0)), np.int8), rows], axis=1)
        return finish_output(self.engine.program, np.concatenate([self._library.run(one)[-1:] for one in padded]))

    def run_steps(self, steps: np.ndarray) -> np.ndarray:
        """Outputs ``[N, classes]`` of steps one after another; none of those before the first full window.

        Raises:
            ModelError: If the samples are not of the model's input type or size.
        """
        found = [scores for row in self._quantised(steps) if (scores := self._library.step(row)) is not None]
        classes = self.engine.program.values[self.engine.program.output].layout.elements
        return finish_output(self.engine.program, np.array(found, np.int8).reshape(-1, classes))

    def reset(self) -> None:
        """Back to the initial state."""
        self._library.reset()

    def time(self, sample: np.ndarray, count: int) -> np.ndarray:
        """Seconds of each of ``count`` steps on ``sample[1, ...]``, the call from Python included.

        Raises:
            ModelError: If the sample is not of the model's input type or size.
        """
        row, seconds = self._quantised(sample)[0], np.empty(count)
        for i in range(count):
            began = time.perf_counter()
            self._library.step(row)
            seconds[i] = time.perf_counter() - began
        return seconds

    def _quantised(self, samples: np.ndarray) -> np.ndarray:
        program = self.engine.program
        if str(samples.dtype) != program.input_type:
            raise ModelError(f"expected {program.input_type} samples. Received: {samples.dtype}.")
        quantised = quantize_input(samples, program.input_scale, program.input_zero_point)
        return np.ascontiguousarray(quantised).view(np.int8).reshape(len(samples), -1)


def open_engine(model: str | Path | bytes) -> EngineInterpreter | StepInterpreter:
    """The device engine on this computer; of a file with state the one that goes on from step to step.

    Raises:
        ModelError: If the model is corrupt or not supported by the engine.
        ToolchainError: Without a C compiler.
    """
    return StepInterpreter(model) if read_model(model).stateful else EngineInterpreter(model)


def open_hearing(model: str | Path | bytes, reporter: Reporter = SILENT) -> StepInterpreter | Interpreter:
    """What hears a stream as a board does: the engine step by step, or without a C compiler whole windows.

    Raises:
        ModelError: If the model is corrupt, or does not go step by step.
    """
    try:
        return StepInterpreter(model)
    except ToolchainError as error:
        reporter.note(f"clips are heard by whole windows: {error.message}")
        return open_interpreter(model, "builtin")


def open_timed_engine(model: bytes) -> TimedEngine | StepInterpreter:
    """The device engine where its latency is measured: of an inference, or of a step of a file with state.

    Raises:
        ModelError: If the model is corrupt or not supported by the engine.
        ToolchainError: Without a C compiler.
    """
    return StepInterpreter(model) if read_model(model).stateful else TimedEngine(model)


def step_of(engine: Engine) -> StepPlan:
    """How the engine is stepped.

    Raises:
        ModelError: If it runs whole windows.
    """
    if engine.program.step is None:
        raise ModelError("this engine runs whole windows; build it with stream=True")
    return engine.program.step


def windows_of(rows: np.ndarray, step: StepPlan) -> np.ndarray:
    """Every window that a decision is made from.

    Args:
        rows: Numbers of a stream, ``[rows, row elements]``.
        step: How the stream is stepped.

    Returns:
        ``[decisions, window, row elements]``, a view: window ``i`` ends with the rows of step ``warm_up + i``.

    >>> windows_of(np.arange(7)[:, None], StepPlan(2, 3, 1, 1))[:, :, 0].tolist()
    [[1, 2, 3], [3, 4, 5]]
    """
    ends = range((step.warm_up + 1) * step.rows, len(rows) + 1, step.rows)
    return np.stack([rows[end - step.window : end] for end in ends]) if ends else rows[:0].reshape(0, step.window, -1)


def whole_windows(model: str | Path | bytes, rows: np.ndarray, step: StepPlan) -> np.ndarray:
    """Scores ``int8[decisions, classes]`` of the whole-window engine, for rows as in :func:`windows_of`.

    Raises:
        ModelError: If the engine does not support the model.
        ToolchainError: Without a C compiler.
    """
    engine = build(model, name="whole")
    return EngineLibrary(engine, compile_library(engine)).run(windows_of(rows, step))


def random_rows(engine: Engine, count: int, seed: int) -> np.ndarray:
    """int8 rows ``[count, row elements]`` that stay for a while and jump, so that old and new windows differ."""
    rng = np.random.default_rng(seed)
    return rng.integers(-128, 128, (count, step_of(engine).row_elements)).astype(np.int8)
