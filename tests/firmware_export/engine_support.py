"""What the engine's tests share: a runtime compiled once, models compiled against it, and the reference's answers."""

from __future__ import annotations

import atexit
import functools
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from firmware_export.emulation.host import EngineLibrary, finish_output, quantize_input
from firmware_export.emulation.objects import compile_objects
from firmware_export.engine import RUNTIME, Engine, engine_sources
from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.interpreter import open_interpreter, random_inputs

SAMPLES = 4
Library = TypeVar("Library")


@functools.cache
def runtime_folder() -> Path:
    """Every kernel in one shared library, compiled once for the session."""
    folder = Path(tempfile.mkdtemp(prefix="kws-runtime-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for path in engine_sources():
        shutil.copy(path, folder)
    flags, sources = ["-std=c11", "-O1", "-fPIC", "-shared"], [path.name for path in engine_sources("*.c")]
    objects = compile_objects(["gcc"], flags, sources, folder, "the runtime")
    subprocess.run(["gcc", *flags, "-o", "libkws.so", *objects], check=True, cwd=folder)
    return folder


def loaded(engine: Engine, opened: Callable[[Engine, Path], Library]) -> Library:
    """The engine's model file, linked with the common runtime."""
    with tempfile.TemporaryDirectory() as name:
        folder, runtime = Path(name), runtime_folder()
        for file in (f"{engine.name}.c", f"{engine.name}.h"):
            (folder / file).write_text(engine.files[file], encoding="utf-8")
        link = [f"-I{RUNTIME}", f"-L{runtime}", f"-Wl,-rpath,{runtime}", "-lkws"]
        command = ["gcc", "-std=c11", "-O0", "-fPIC", "-shared", "-o", "model.so", f"{engine.name}.c", *link]
        subprocess.run(command, check=True, cwd=folder)
        return opened(engine, folder / "model.so")


def load(engine: Engine) -> EngineLibrary:
    """An engine of whole windows."""
    return loaded(engine, EngineLibrary)


def run(engine: Engine, inputs: np.ndarray) -> np.ndarray:
    """Outputs of the engine in the model's own type."""
    raw = quantize_input(inputs, engine.program.input_scale, engine.program.input_zero_point)
    return finish_output(engine.program, load(engine).run(raw))


def reference(model: bytes, seed: int, samples: int = SAMPLES) -> tuple[np.ndarray, np.ndarray] | None:
    """Random inputs and TFLM's outputs ``[N, ...]``, or None where TFLM itself refuses the model."""
    try:
        interpreter = open_interpreter(model, "tflm")
        inputs = random_inputs(interpreter.graph, samples, seed)
        return inputs, interpreter.run(inputs).reshape(samples, -1)
    except ModelError:
        return None
