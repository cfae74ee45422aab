"""The device engine: any supported int8 ``.tflite`` to C99 source with its own kernels.

``export_engine`` writes ``model.c``, ``model.h``, the runtime files they use and a README; ``build`` does everything
but write, for the emulator, the host library and tests.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from firmware_export.codegen.c_source import checked_name
from firmware_export.codegen.engine_readme import engine_readme
from firmware_export.codegen.layer_calls import Call
from firmware_export.codegen.memory_plan import MemoryPlan, plan_memory
from firmware_export.codegen.model import generate
from firmware_export.codegen.stamp import stamp
from firmware_export.encodings import ENCODINGS
from firmware_export.encodings.core_costs import DEFAULT_CORE, core_of
from firmware_export.encodings.cost_model import Estimate, choose, choose_depthwise, choose_pixels
from firmware_export.ir import Operation, Program, StepPlan
from firmware_export.lowering.lower import lower
from firmware_export.operators.kernels.wide import ITEM_BYTES
from firmware_export.streaming.plan import stream_program
from kws_tfmot.contract import ModelContract
from kws_tfmot.errors import KwsError, ModelError, RecipeError
from kws_tfmot.files import sha256_bytes, write_files
from kws_tfmot.tflite.folding import folded
from kws_tfmot.tflite.reader import read_model

RUNTIME = Path(__file__).parent / "runtime"
DEFAULT_NAME = "model"
NO_KERNELS = ("detector", "monitor")  # families of the runtime that come after the network


def engine_sources(pattern: str = "*.[ch]") -> list[Path]:
    """The runtime's files that match ``pattern``, of every family of kernels, sorted by name."""
    files = (path for path in RUNTIME.rglob(pattern) if path.parent.name not in NO_KERNELS)
    return sorted(files, key=lambda path: path.name)


@dataclass(frozen=True)
class Engine:
    """A model as C source, with what went into it."""

    name: str
    files: dict[str, str]  # name of each file and its text
    program: Program
    plan: MemoryPlan
    picked: tuple[Estimate | None, ...]
    digest: str
    labels: tuple[str, ...]
    constant_bytes: int
    calls: tuple[Call, ...]  # the kernel calls of an inference, in order

    def work(self, layer: int) -> tuple[int, int]:
        """Multiplications of a layer's shape, and those whose weight is not zero."""
        weights = self.program.layers[layer].operation.stored_weights
        if weights is None:
            return 0, 0
        pixels = self.program.values[self.program.layers[layer].output].layout.pixels
        return weights.size * pixels, int(np.count_nonzero(weights)) * pixels

    def report(self) -> dict[str, Any]:
        """Bytes, encodings and the memory plan, ready for JSON."""
        report = {
            "arena_bytes": self.plan.arena,
            "constant_bytes": self.constant_bytes,
            "files": sorted(self.files),
            "model_sha256": self.digest,
            "layers": [self._layer(n) for n in range(len(self.program.layers))],
        }
        if step := self.program.step:
            report["step"] = {
                "rows": step.rows,
                "window_rows": step.window,
                "warm_up_steps": step.warm_up,
                "state_bytes": self.plan.state_bytes,
            }
        return report

    def _layer(self, n: int) -> dict[str, Any]:
        layer, picked = self.program.layers[n], self.picked[n]
        entry: dict[str, Any] = {"layer": layer.name, "output": self.plan.values[layer.output]}
        if (weights := layer.operation.stored_weights) is not None:
            entry["weights"] = int(weights.size)
            entry["sparsity"] = round(1.0 - np.count_nonzero(weights) / weights.size, 4)
            entry["dense_bytes"] = int(weights.size)
        if picked is not None:
            entry |= {
                "encoding": picked.encoding,
                "encoded_bytes": picked.bytes,
                "estimated_cycles": round(picked.cycles),
            }
        if self.plan.scratch_bytes[n]:
            entry["scratch_bytes"] = self.plan.scratch_bytes[n]
        return entry


def build(
    model: str | Path | bytes,
    *,
    optimise: str = "balanced",
    name: str = DEFAULT_NAME,
    labels: tuple[str, ...] = (),
    encodings: tuple[str, ...] | None = None,
    stream: bool = False,
    hop: int | None = None,
    core: str = DEFAULT_CORE,
) -> Engine:
    """Turn a model into C source.

    Args:
        model: Path or bytes of a ``.tflite`` file.
        optimise: ``"speed"``, ``"balanced"`` or ``"size"``: how bytes are weighed against cycles.
        name: Prefix of the generated identifiers and name of the generated files.
        labels: Class names for the header.
        encodings: The weight encodings to choose from; all by default.
        stream: Compute each row of time once, step by step, instead of whole windows.
        hop: Rows of the input that a step takes; the least possible by default.
        core: Whose cycles decide, ``"cortex-m4"`` and so on. The code runs, and says the same, on every core.

    Raises:
        ModelError: For a corrupt model, or one with anything the engine does not support or cannot stream, all of it
            listed.
        RecipeError: For an unknown tilt, encoding or core, or an impossible name.
    """
    checked_name(name)
    data = folded(model)
    program = lower(read_model(data))
    if program.step is not None:
        _check_hop(program.step, hop)  # a file with state says itself how it is stepped
    elif stream:
        program = stream_program(program, hop, _frames(data))
    for_core(program, core_of(core), optimise, encodings)
    picked = choose(_coded(program, "matrix"), optimise, encodings, core_of(core))
    unpacking = any(ENCODINGS[estimate.encoding].kernel == "lowbit" for estimate in picked)
    depthwise = choose_depthwise(_coded(program, "taps"), encodings, unpacking)
    _check_labels(program, labels)
    return assemble(program, picked, sha256_bytes(data), name=name, labels=labels, depthwise=depthwise)


def for_core(program: Program, core: str, optimise: str, encodings: tuple[str, ...] | None = None) -> None:
    """Let every operation take the kernel that is cheapest on a core, as :func:`build` does before it encodes.

    Args:
        program: A lowered model, changed in place.
        core: A key of :data:`~firmware_export.encodings.core_costs.COSTS`.
        optimise: As for :func:`build`.
        encodings: As for :func:`build`.

    Raises:
        RecipeError: For an unknown tilt.
    """
    matrices = _coded(program, "matrix")
    by_pixels = iter(choose_pixels(matrices, optimise, encodings, core))
    layers = []
    for layer in program.layers:
        operation = layer.operation.on_core(core)
        if operation.coding == "matrix":
            operation = operation.pixel_by_pixel(next(by_pixels))
        layers.append(replace(layer, operation=operation))
    program.layers = layers


def assemble(
    program: Program,
    choice: Sequence[Estimate],
    digest: str,
    *,
    name: str = DEFAULT_NAME,
    labels: tuple[str, ...] = (),
    depthwise: Sequence[Estimate | None] = (),
) -> Engine:
    """The source of a lowered model whose convolutions are encoded as ``choice`` says, in their order.

    ``depthwise`` says the same of depthwise convolutions, which are dense int8 where it is empty.
    """
    waiting = {"matrix": iter(choice), "taps": iter(depthwise)}
    picked = [next(waiting.get(layer.operation.coding, iter(())), None) for layer in program.layers]
    plan = plan_memory(program, [(p.encoding, p.encoded) if p else None for p in picked])
    source = generate(name, program, plan, picked, labels, digest)
    files = {f"{name}.c": source.code, f"{name}.h": source.header}
    files |= {file.name: file.read_text(encoding="utf-8") for file in runtime_files(source.kernels)}
    return Engine(name, files, program, plan, tuple(picked), digest, labels, source.constant_bytes, source.calls)


def export_engine(
    model: str | Path | bytes,
    out_dir: str | Path,
    *,
    optimise: str = "balanced",
    name: str = DEFAULT_NAME,
    labels: tuple[str, ...] = (),
    encodings: tuple[str, ...] | None = None,
    stream: bool = False,
    hop: int | None = None,
    core: str = DEFAULT_CORE,
) -> dict[str, Any]:
    """Write the engine for ``model`` into ``out_dir`` and return :meth:`Engine.report`.

    Arguments and errors as in :func:`build`. The same model and arguments always give the same bytes.
    """
    engine = build(
        model, optimise=optimise, name=name, labels=labels, encodings=encodings, stream=stream, hop=hop, core=core
    )
    readme = engine_readme(engine.name, engine.report(), sorted(engine.files))
    write_files(stamp({**engine.files, "README.md": readme}), out_dir)
    return engine.report()


def runtime_files(functions: tuple[str, ...]) -> list[Path]:
    """The runtime's files that ``functions`` need, headers included, found by following includes.

    A header of a family needs every function it declares, each of which is a file of its name; a source needs what it
    includes and what it calls of ``kws_engine.h``.
    """
    sources = {path.stem: path for path in engine_sources("*.c")}
    headers = {path.name: path for path in engine_sources("*.h")}
    waiting, found = [headers["kws_engine.h"]], set()
    waiting += [sources[name] for name in functions]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        waiting += [headers[name] for name in re.findall(r'#include "([\w.]+)"', text)]
        if path.name != "kws_engine.h":  # it declares every kernel
            waiting += [sources[name] for name in set(re.findall(r"\bkws_\w+(?=\()", text)) if name in sources]
    return sorted(found, key=lambda path: path.name)


def _coded(program: Program, coding: str) -> list[Any]:
    operations: list[Operation] = [layer.operation for layer in program.layers]
    return [operation for operation in operations if operation.coding == coding]


def _check_hop(step: StepPlan, hop: int | None) -> None:
    if hop not in (None, step.rows):
        raise RecipeError(
            f"this model keeps its own state and takes {step.rows} rows a step. Received: a hop of {hop}."
        )


def _frames(data: bytes) -> int | None:
    """Frames that the front end in the model's settings gives, ``None`` where it carries none."""
    try:
        return ModelContract.of_model(data).frontend.feature_shape[0]
    except KwsError:
        return None


def _check_labels(program: Program, labels: tuple[str, ...]) -> None:
    classes = program.values[program.output].layout.elements // ITEM_BYTES.get(program.output_type, 1)
    if labels and len(labels) != classes:
        raise ModelError(f"expected {classes} labels, one for each output. Received: {len(labels)}.")
