"""What a report shows of the device side: bytes, lifetimes and instructions of every layer, measured where possible."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from firmware_export.boards import board_of
from firmware_export.emulation.elf import Footprint, footprint
from firmware_export.emulation.emulator import EMULATOR, PREFIX, emulate
from firmware_export.emulation.firmware_build import COMPILER, build_firmware, require
from firmware_export.engine import Engine, build
from kws_tfmot.errors import ToolchainError

_OF_LAYER = re.compile(r"[a-z_]+_(\d+)")  # the generator's constants: weights_3, bias_3, ...
_ESTIMATED = "cycles estimated by the cost model (convolutions and fully connected layers alone, Cortex-M4)"


def device_figures(
    model: str | Path | bytes,
    boards: Sequence[str],
    *,
    optimise: str = "balanced",
    random: int = 2,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """The engine of ``model``, layer by layer, and one emulation for each of ``boards``.

    Without the Arm toolchain ``boards`` stays empty, ``missing`` says why, and instructions are estimates.

    Args:
        model: Path or bytes of an int8 ``.tflite``.
        boards: Names of emulated boards; the flash map is that of the first.
        optimise: As for :func:`firmware_export.engine.build`.
        random: How many random inputs each board runs; the count hardly depends on them.
        progress: Called with the name of each step.

    Returns:
        ``layers``, ``spans``, ``arena``, ``constant_bytes``, ``flash`` (``None`` without a compiler), ``boards``
        (:meth:`~firmware_export.emulation.emulator.EmulationReport.to_dict`, ``layer_instructions``, ``layer_cycles``),
        ``instructions_are`` and ``missing``.

    Raises:
        ModelError: If the engine does not support the model.
        RecipeError: For an unknown board.
    """
    say = progress or (lambda text: None)
    for name in boards:
        board_of(name)
    engine = build(model, optimise=optimise)
    figures: dict[str, Any] = {
        "optimise": optimise,
        "model_sha256": engine.digest,
        "arena": engine.plan.arena,
        "constant_bytes": engine.constant_bytes,
        "layers": [layer_figures(engine, n) for n in range(len(engine.program.layers))],
        "spans": span_figures(engine),
        "flash": None,
        "boards": [],
        "instructions_are": _ESTIMATED,
        "missing": "",
    }
    try:
        for tool in (COMPILER, EMULATOR):
            require(tool)
    except ToolchainError as error:
        return figures | {"missing": str(error).replace("\n", " ")}
    if boards:
        say(f"flash map of {boards[0]}")
        figures["flash"] = flash_map(engine, boards[0])
        figures["instructions_are"] = "counted in the emulator, layer by layer"
    for name in boards:
        report = emulate(model, name, random=random, optimise=optimise, progress=say).to_dict()
        figures["boards"].append(
            report
            | {f"layer_{what}": _per_layer(engine, report["layers"], what) for what in ("instructions", "cycles")}
        )
    return figures


def _per_layer(engine: Engine, counted: list[dict[str, Any]], what: str) -> list[int | None]:
    """Instructions or cycles of each layer, which may take several calls or none; ``None`` where not modelled."""
    counts = [0] * len(engine.program.layers)
    for call, spent in zip(engine.calls, counted, strict=True):
        counts[call.layer] += spent[what] or 0
    modelled = all(spent[what] is not None for spent in counted)
    return [count if modelled else None for count in counts]


def layer_figures(engine: Engine, number: int) -> dict[str, Any]:
    """Shape, weights, bits and multiplications of one layer.

    ``levels`` counts the different weights, ``bits`` what would tell them apart, ``stored_bits`` what a weight takes
    in flash, positions of a sparse encoding included.
    """
    layer, picked = engine.program.layers[number], engine.picked[number]
    output = engine.program.values[layer.output].layout
    entry: dict[str, Any] = {
        "number": number,
        "operator": int(layer.name.split(" ")[0]) if layer.name.split(" ")[0].isdigit() else None,
        "name": layer.name,
        "kernel": next((call.functions[0] for call in engine.calls if call.layer == number), ""),
        "output": [output.height, output.width, output.channels],
    }
    weights = layer.operation.stored_weights
    if weights is not None:
        macs, nonzero = engine.work(number)
        levels = len(np.unique(weights))
        stored = picked.bytes if picked else weights.size
        entry |= {
            "weights": int(weights.size),
            "zeros": int(weights.size - np.count_nonzero(weights)),
            "levels": levels,
            "bits": max(1, (levels - 1).bit_length()),
            "encoding": picked.encoding if picked else "dense",
            "stored_bytes": stored,
            "stored_bits": round(8 * stored / weights.size, 2),
            "macs": macs,
            "nonzero_macs": nonzero,
        }
    if picked is not None:
        entry["estimated_cycles"] = round(picked.cycles)
    return entry


def span_figures(engine: Engine) -> list[dict[str, Any]]:
    """Every activation and scratch area in the arena: bytes ``start..start + size`` during steps ``first..last``."""
    writers: dict[int, int] = {}
    for number, layer in enumerate(engine.program.layers):
        writers.setdefault(layer.output, number)
    rows = []
    for span in engine.plan.spans:
        kind, owner = span.name.split(" ")
        scratch = kind == "scratch"
        rows.append(
            {
                "kind": "scratch" if scratch else "activation",
                "layer": int(owner) if scratch else writers.get(int(owner)),  # None: the model's input
                "start": span.start,
                "size": span.size,
                "first": span.first,
                "last": span.last,
            }
        )
    return sorted(rows, key=lambda row: (row["first"], row["start"], row["kind"]))


def flash_map(engine: Engine, board: str) -> dict[str, Any]:
    """Bytes in flash of a linked firmware: constants of each layer, code of each kernel, and the rest.

    Raises:
        ToolchainError: As :func:`firmware_export.emulation.firmware_build.build_firmware`.
    """
    with tempfile.TemporaryDirectory() as name:
        size = footprint(build_firmware(board_of(board), engine.files, "infer.c", Path(name)))
    return {"board": board, "core": board_of(board).core, "total": size.flash, **_parts(size)}


def _parts(size: Footprint) -> dict[str, Any]:
    layers: dict[int, int] = {}
    kernels: dict[str, int] = {}
    for symbol in size.symbols:
        if symbol.function and symbol.name.startswith(PREFIX):
            kernels[symbol.name] = symbol.size
        elif not symbol.function and (match := _OF_LAYER.fullmatch(symbol.name)):
            layers[int(match[1])] = layers.get(int(match[1]), 0) + symbol.size
    rest = size.flash - sum(layers.values()) - sum(kernels.values())
    return {
        "layers": {str(n): layers[n] for n in sorted(layers)},
        "kernels": dict(sorted(kernels.items())),
        "other": rest,
    }
