"""What the kernels of each encoding cost a core, fitted to runs in the emulator: the numbers of ``core_costs.py``.

A convolution of ``C`` channels and depth ``D`` over ``P`` pixels takes, block of eight pixels by block,

    ceil(P / 8) * (each * visited + word * words + row * C + column * D)

cycles (blocks of four, six or ten in delta's layout for few pixels), ``visited`` and ``words`` as
:func:`firmware_export.encodings.cost_model.work` counts them, and a matrix times a vector
``each * visited + word * words + row * C + column * D`` of its own constants. They are fitted by least squares, never
below zero, to layers of several shapes and densities, each run in an encoding of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.optimize import nnls

from firmware_export.boards import board_of
from firmware_export.emulation.cycles import Cycles
from firmware_export.emulation.emulator import run_engine
from firmware_export.encodings.cost_model import kind_of, work
from firmware_export.engine import build
from firmware_export.graphs.graph_writer import GraphWriter

PLANE = (25, 5)
CHANNELS = (16, 64, 24, 40, 40, 16)  # of layers one behind the other
WINDOW_CHANNELS = (8, 16, 12)  # of the least RAM
VECTOR_CHANNELS = (64, 40, 200, 32, 64, 12)
DENSITIES = (0.08, 0.25, 0.5)
CORES = {"m0plus": "microbit", "m3": "mps2-an385", "m4": "mps2-an386", "m55": "mps3-an547"}
NARROW = {"narrow_4": (2, 2), "narrow_6": (2, 3), "narrow_10": (2, 5)}  # planes of a block in delta's other layout
BITS = {"packed": 4, "table": 4, "wide_table": 6, "row_tables": 2}
PLANES = {"planes": (1, 2), "wide_planes": (3, 4)}  # how many of them


@dataclass(frozen=True)
class Fit:
    """Cycles of one kind of kernel: ``each``, ``word``, ``row`` and ``column``, and the largest error of a layer."""

    each: float
    word: float
    row: float
    column: float
    error: float


def _weights(rng: np.random.Generator, shape: tuple[int, ...], kind: str, density: float) -> np.ndarray:
    """Weights that suit an encoding; ``density`` is the number of planes where it has planes."""
    if kind == "block":
        kept = rng.random((shape[0], int(np.prod(shape[1:])) // 4)) < density
        mask = np.repeat(kept, 4, axis=1).reshape(shape[0], *shape[3:], *shape[1:3])
        return np.where(np.moveaxis(mask, 1, 3), rng.integers(1, 100, shape), 0).astype(np.int8)
    if kind == "nm":
        order = rng.random((int(np.prod(shape)) // 8, 8)).argsort(axis=1) < 2
        mask = np.moveaxis(order.reshape(shape[0], *shape[3:], *shape[1:3]), 1, 3)
        return np.where(mask, rng.integers(1, 100, shape), 0).astype(np.int8)
    if kind in PLANES:
        odd = np.arange(1 - (1 << int(density)), 1 << int(density), 2)
        return rng.choice(4 * odd, shape).astype(np.int8)
    if kind in BITS:
        levels = 1 << BITS[kind]
        if kind == "packed":
            return rng.integers(-levels // 2, levels // 2, shape).astype(np.int8)
        index = rng.integers(0, levels, shape)
        spread = 3 * index - 64 if kind != "row_tables" else 5 * index + np.arange(shape[0]).reshape(-1, 1, 1, 1)
        return spread.astype(np.int8)
    return np.where(rng.random(shape) < density, rng.integers(1, 100, shape), 0).astype(np.int8)


def _model(kind: str, density: float, size: int, vector: bool) -> bytes:
    """Layers of one encoding's weights, one behind the other."""
    rng = np.random.default_rng(round(1000 * density))
    graph = GraphWriter()
    plane = (1, 1) if vector else NARROW.get(kind, PLANE)
    channels = VECTOR_CHANNELS if vector else CHANNELS if size == 1 else WINDOW_CHANNELS
    first = last = graph.activation((1, *plane, channels[0]), 1.0, -128)
    for fan_in, fan_out in pairwise(channels):
        weights = _weights(rng, (fan_out, size, size, fan_in), kind, density)
        scales = np.full(fan_out, 0.01, np.float32)
        out = graph.activation((1, *plane, fan_out), 1.0, -128)
        inputs = [last, graph.weights(weights, scales, 0), graph.biases(rng.integers(-500, 500, fan_out), scales)]
        graph.operator("CONV_2D", inputs, [out], padding="SAME", stride_h=1, stride_w=1)
        last = out
    return graph.finish([first], [last])


def _rows(kind: str, core: str, vector: bool, sizes: tuple[int, ...]) -> list[tuple[np.ndarray, float]]:
    """What each layer counts, ``[visited, words, channels, depth]`` for each block, and its cycles."""
    board = board_of(CORES[core])
    name = dict.fromkeys(NARROW, "delta").get(kind, kind.removeprefix("wide_"))
    rows = []
    for size in sizes:
        for density in PLANES.get(kind, DENSITIES if kind not in (*BITS, "dense", "nm") else (0.5,)):
            engine = build(_model(kind, density, size, vector), encodings=(name,))
            raw = np.zeros((1, engine.program.values[engine.program.input].layout.elements), np.int8)
            counts = run_engine(board, engine, raw)[1].spent().cycles(core)
            for call, span in zip(engine.calls, counts.tolist(), strict=True):
                layer, picked = engine.program.layers[call.layer], engine.picked[call.layer]
                matrix = layer.operation.stored_weights
                if matrix is not None and picked is not None and picked.encoding == name:
                    if kind in PLANES and kind_of(name, picked.encoded, matrix.shape[1]) != kind:
                        continue
                    visited, words = work(name, picked.encoded, matrix)
                    plane = engine.program.values[layer.output].layout.plane
                    blocks = 1 if vector or kind in NARROW else -(-plane // 8)
                    feature = blocks * np.array([visited, words, *matrix.shape], float)
                    rows.append((feature, float(Cycles(*span).middle)))
    return rows


def fit(kind: str, core: str, vector: bool = False) -> Fit | None:
    """The constants of one kind of kernel on one core, ``None`` where it has no kernel.

    Args:
        kind: An encoding; ``wide_table`` is a table of more than four bits, ``wide_planes`` are planes whose sums do
            not fit 16 bits together.
        core: One of :data:`CORES`.
        vector: Of matrices times vectors.
    """
    rows = _rows(kind, core, vector, (1,))
    if not rows:
        return None
    features, cycles = np.array([f for f, _ in rows]), np.array([c for _, c in rows])
    weight = 1 / cycles  # errors count relative to the layer
    found = nnls(features * weight[:, None], np.ones(len(cycles)))[0]
    error = float(np.abs(features @ found * weight - 1).max())
    each, word, row, column = (round(float(x), 2) for x in found)
    return Fit(each, word, row, column, round(error, 3))


def window_column(core: str, kind: str = "index") -> float:
    """Cycles of im2col of a 3x3 window for each weight of a row and block of eight pixels, in place of a pixel's.

    Of planes, whose column is most of all the tables' cost, on top of it.
    """
    pointwise = fit(kind, core)
    if pointwise is None:
        raise ValueError("no kernel")
    rows = _rows(kind, core, False, (3,))
    column = pointwise.column if kind in PLANES else 0.0
    known = np.array([pointwise.each, pointwise.word, pointwise.row, column])
    return round(float(np.median([(c - f @ known) / f[3] for f, c in rows])), 2)


def measure(core: str, progress: Callable[[str], None]) -> dict[str, dict[str, Fit | None]]:
    """Every kind of kernel on one core: ``conv`` and ``fc``."""
    narrow = NARROW if core == "m4" else ()
    kinds = ("dense", "delta", *narrow, "delta4", "bitmap", "index", "block", "nm", *BITS, *PLANES)
    found: dict[str, dict[str, Fit | None]] = {}
    for kind in kinds:
        progress(f"{kind} on {core}")
        found[kind] = {
            "conv": fit(kind, core),
            "fc": None if kind in (*NARROW, *PLANES) else fit(kind, core, vector=True),
        }
    return found
