"""The engine on this computer: the very C that is flashed, as a shared library behind an interpreter's interface."""

from __future__ import annotations

import ctypes
import tempfile
import time
from pathlib import Path

import numpy as np

from firmware_export.emulation.objects import compile_objects
from firmware_export.emulation.tools import run_tool, version_of
from firmware_export.encodings.core_costs import DEFAULT_CORE
from firmware_export.engine import Engine, build
from firmware_export.ir import Program
from kws_tfmot.errors import OUR_FAULT, ModelError
from kws_tfmot.files import cache_root, sha256_bytes
from kws_tfmot.host_library import find_compiler
from kws_tfmot.spare_cache import keep, kept
from kws_tfmot.tflite.interpreter import input_spec
from kws_tfmot.tflite.reader import read_model

# Nothing is gained by -O3 or this computer's vectors (-march=native, x86-64-v3): 5 % on a DS-CNN, and networks of the
# wake_word family take twice as long, as the kernels are written for the registers of Cortex-M.
FLAGS = ("-std=c11", "-O2", "-fPIC", "-shared", "-fvisibility=default")
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror")


def compile_library(engine: Engine, flags: tuple[str, ...] = FLAGS) -> Path:
    """Compile the engine's files to a shared library, once for the same files, flags and compiler.

    Raises:
        ToolchainError: Without a C compiler, or if it refuses the code.
    """
    compiler = find_compiler()
    version = version_of(*compiler)
    key = "\0".join((*compiler, version, *flags, *(f"{name}\0{text}" for name, text in sorted(engine.files.items()))))
    target = cache_root() / "engine" / f"{sha256_bytes(key.encode())[:32]}.so"
    if found := kept(target):
        return found
    with tempfile.TemporaryDirectory() as folder:
        for name, text in engine.files.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        sources = sorted(name for name in engine.files if name.endswith(".c"))
        objects = compile_objects(compiler, flags, sources, Path(folder), "compiling the engine")
        run_tool([*compiler, *flags, "-o", "engine.so", *objects], "linking the engine", cwd=Path(folder))
        return keep(target, (Path(folder) / "engine.so").read_bytes())


class EngineLibrary:
    """A compiled engine: int8 in, int8 out."""

    def __init__(self, engine: Engine, path: Path) -> None:
        self._library = ctypes.CDLL(str(path))
        self._engine = engine
        name = engine.name
        self._init = self._library[f"{name}_init"]
        self._input = self._library[f"{name}_input"]
        self._output = self._library[f"{name}_output"]
        self._invoke = self._library[f"{name}_invoke"]
        self._init.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
        for function in (self._input, self._output, self._invoke):
            function.argtypes = (ctypes.c_void_p,)
        self._input.restype = self._output.restype = ctypes.c_void_p

    def run(self, batch: np.ndarray) -> np.ndarray:
        """Outputs ``int8[N, classes]`` of ``int8[N, ...]``, one inference each."""
        program = self._engine.program
        classes = program.values[program.output].layout.elements
        flat, arena, context = self._ready(batch)
        entry = int(self._input(context)) - arena.ctypes.data
        leave = int(self._output(context)) - arena.ctypes.data
        outputs = np.empty((len(flat), classes), np.int8)
        for sample, row in zip(flat, outputs, strict=True):
            arena[entry : entry + flat.shape[1]] = sample
            if self._invoke(context) != 0:
                raise ModelError("the engine reported an error.", OUR_FAULT)
            row[:] = arena[leave : leave + classes]
        return outputs

    def time(self, sample: np.ndarray, count: int) -> np.ndarray:
        """Seconds of each of ``count`` inferences on ``int8[1, ...]``, copied in before the clock runs."""
        flat, arena, context = self._ready(sample)
        entry = int(self._input(context)) - arena.ctypes.data
        seconds = np.empty(count)
        for i in range(count):
            arena[entry : entry + flat.shape[1]] = flat[0]
            began = time.perf_counter()
            self._invoke(context)
            seconds[i] = time.perf_counter() - began
        return seconds

    def _ready(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray, ctypes.Array[ctypes.c_char]]:
        """The samples as rows, an arena, and the engine initialised in it."""
        program = self._engine.program
        size = program.values[program.input].layout.elements
        flat = np.ascontiguousarray(batch).view(np.int8).reshape(len(batch), -1)
        if flat.shape[1] != size:
            raise ModelError(f"expected {size} numbers a sample. Received: {flat.shape[1]}.")
        arena = np.zeros(self._engine.plan.arena + 8, np.int8)
        start = -arena.ctypes.data % 4
        context = ctypes.create_string_buffer(ctypes.sizeof(ctypes.c_void_p))
        if self._init(context, arena.ctypes.data + start, self._engine.plan.arena) != 0:
            raise ModelError(f"the engine refused an arena of {self._engine.plan.arena} bytes.", OUR_FAULT)
        return flat, arena, context


class EngineInterpreter:
    """The device engine as an interpreter backend.

    Float inputs are quantised, and float outputs computed, as TensorFlow Lite's QUANTIZE and DEQUANTIZE do.

    Args:
        model: Path or bytes of a ``.tflite``.
        optimise: As for :func:`firmware_export.engine.build`; results do not depend on it.
        core: The same.

    Raises:
        ModelError: If the model is corrupt, not supported by the engine, or keeps a state: that takes
            :func:`firmware_export.open_engine`.
        ToolchainError: Without a C compiler.
    """

    def __init__(self, model: str | Path | bytes, optimise: str = "balanced", core: str = DEFAULT_CORE) -> None:
        self.engine = build(model, optimise=optimise, name="host", core=core)
        if self.engine.program.step is not None:
            raise ModelError(
                "expected a model that computes whole windows. Received: one that keeps a state from step to step.",
                "firmware_export.open_engine opens both kinds.",
            )
        self._library = EngineLibrary(self.engine, compile_library(self.engine))
        self.name = f"kws-tfmot device engine (host build, encodings for {optimise})"

    def run(self, batch: np.ndarray) -> np.ndarray:
        """Outputs ``[N, classes]`` in the model's own output type.

        Raises:
            ModelError: If the samples are not of the model's input type or size.
        """
        program = self.engine.program
        if str(batch.dtype) != program.input_type:
            raise ModelError(f"expected {program.input_type} samples. Received: {batch.dtype}.")
        outputs = self._library.run(quantize_input(batch, program.input_scale, program.input_zero_point))
        return finish_output(program, outputs)

    def time(self, sample: np.ndarray, count: int) -> np.ndarray:
        """Seconds of each of ``count`` inferences on ``sample[1, ...]``.

        Raises:
            ModelError: If the sample is not of the model's size.
        """
        program = self.engine.program
        return self._library.time(quantize_input(sample, program.input_scale, program.input_zero_point), count)


class TimedEngine(EngineInterpreter):
    """The host build of the engine beside interpreters whose latency is measured; of a model without state.

    Raises:
        ModelError: For a model that the engine does not support.
        ToolchainError: Without a C compiler.
    """

    def __init__(self, model: bytes) -> None:
        super().__init__(model)
        self.input = input_spec(read_model(model))


def finish_output(program: Program, outputs: np.ndarray) -> np.ndarray:
    """The engine's int8 results in the model's own output type; floats as DEQUANTIZE computes them."""
    if program.output_type == "float32":
        centred = outputs.astype(np.int32) - program.output_zero_point
        return (np.float32(program.output_scale) * centred.astype(np.float32)).astype(np.float32)
    return outputs.view(program.output_type)


def quantize_input(batch: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    """Float samples to int8 in single precision, ties away from zero; integers pass unchanged.

    >>> quantize_input(np.array([0.25, -9.0], np.float32), 0.1, 3).tolist()
    [6, -87]
    """
    if batch.dtype != np.float32:
        return batch
    ratio = (batch / np.float32(scale)).astype(np.float32)
    rounded = np.trunc(ratio + np.copysign(np.float32(0.5), ratio)).astype(np.float64)
    return np.clip(rounded + zero_point, -128, 127).astype(np.int8)
