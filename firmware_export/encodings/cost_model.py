"""What an encoding costs, in bytes and in cycles of a core, and which one each layer takes.

Bytes are exact: the encoded weights. Cycles of one inference are estimates, from constants of each kernel that were
fitted to the emulator's (:mod:`firmware_export.encodings.core_costs`): a convolution handles eight pixels at once, so
its row costs are paid once every eight pixels; a fully connected layer pays them once. Each kernel that is used adds
its code. The choice minimises, over all layers together,

    cost = cycles / dense cycles + tilt * bytes / dense bytes

with tilt 0.02 for "speed", 0.15 for "balanced" and 50 for "size", over sets of up to four encodings of which each
layer takes the one that is cheapest by itself. That is the least where a set's kernels are all of one form; where
convolutions and vectors are mixed a smaller kernel may have been cheaper by some thousandths.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from firmware_export.encodings import ENCODINGS, Encoded
from firmware_export.encodings.core_costs import CODE, COSTS, DEFAULT_CORE, CoreCosts
from kws_tfmot.errors import RecipeError, did_you_mean

if TYPE_CHECKING:
    from firmware_export.operators.kernels.convolution import Convolution
    from firmware_export.operators.kernels.depthwise import Depthwise

TILT = {"speed": 0.02, "balanced": 0.15, "size": 50.0}
BLOCK = 8  # pixels at once
EMPTY_WINDOW = 0.2  # of the cycles of im2col of a window are a block's, whatever its pixels see
FITTED_INSIDE = 0.844  # of their taps saw an input where these cycles were fitted: 3x3 over 25x5
WORTH = 0.9  # of the cycles of blocks: from there on a layer is computed pixel by pixel
PIXELS = 1000  # bytes of kws_conv_pixels and a product beside kernels of blocks
MOST_PIXELS = 0.05  # of the flash and of a layer's weights: what pixel by pixel may take more
REST = 8000  # bytes of flash beside weights: other code and constants
NARROW_WINDOW = 19.3  # cycles of im2col of a window for a weight and a pixel, in blocks of other widths
UNPACKING = 600  # bytes of code that a depthwise convolution needs for weights of few bits


@dataclass(frozen=True)
class Estimate:
    """What one layer would cost in one encoding."""

    encoding: str
    encoded: Encoded
    cycles: float

    @property
    def bytes(self) -> int:
        """Bytes of weights in flash."""
        return self.encoded.size


def work(encoding: str, encoded: Encoded, rows: np.ndarray) -> tuple[float, float]:
    """(weights or groups visited, words read beside them) in one pass over the matrix."""
    channels, depth = rows.shape
    nonzero = float(np.count_nonzero(rows))
    if encoding == "delta4":
        return (encoded.size - channels) / 1.5, 0.0
    if encoding == "delta":
        return encoded.size / 2 - 2, 0.0
    if encoding == "bitmap":
        return nonzero, channels * -(-depth // 32)
    if encoding == "index":
        return nonzero, 0.0
    if encoding == "block":
        return (encoded.size - channels) / 5, 0.0
    if encoding == "planes":
        return float(rows.size * encoded.bits), channels * encoded.bits
    if encoding == "nm":
        return float(channels * depth // encoded.group * encoded.bits), 0.0
    return float(rows.size), 0.0


def kind_of(encoding: str, encoded: Encoded, depth: int) -> str:
    """The kernel of an encoding that has two: tables of more than four bits, planes whose sums do not fit 16 bits."""
    wide = {"table": encoded.bits > 4, "planes": ((1 << encoded.bits) - 1) * depth >= 256}
    return f"wide_{encoding}" if wide.get(encoding) else encoding


def estimate(encoding: str, operation: Convolution, core: str = DEFAULT_CORE) -> Estimate | None:
    """Encode one layer and estimate its cycles on a core; ``None`` where the encoding does not suit the weights."""
    rows = operation.weights
    encoded = ENCODINGS[encoding].encode(rows) if operation.takes(encoding) else None
    if encoded is None:
        return None
    visited, words = work(encoding, encoded, rows)
    channels, depth = rows.shape
    kind, costs = kind_of(encoding, encoded, depth), COSTS[core]
    block = BLOCK
    if (width := operation.narrow(encoding)) and f"narrow_{width}" in costs.convolution:
        kind, block = f"narrow_{width}", width
    kernel = (costs.vector if operation.rowwise else costs.convolution)[kind]
    product, bring = visited * kernel.each + words * kernel.word + channels * kernel.row, depth * kernel.column
    if operation.by_pixels:
        pixel = product + bring + _around_pixel(operation, core)
        return Estimate(encoding, encoded, operation.window.output.pixels * pixel)
    if operation.vector:
        return Estimate(encoding, encoded, product + bring)
    output = operation.window.output
    pixels = output.plane if block == BLOCK else output.pixels
    blocks = -(-pixels // block)
    halves = core == "m4" and operation.paired(encoding)  # a block of eight is two products of four pixels
    products = -(-output.plane // 4) / 2 if halves else blocks
    if not operation.window.pointwise and encoding == "planes":
        bring += depth * costs.planes_window
    elif not operation.window.pointwise:
        bring = depth * (_window(operation, costs) if block == BLOCK else NARROW_WINDOW * block)
    return Estimate(encoding, encoded, products * product + blocks * bring)


def _window(operation: Convolution, costs: CoreCosts) -> float:
    """Cycles of im2col of a window for a weight and a block, the mean over blocks that the plane may not fill."""
    w = operation.window
    filled = w.output.plane / (BLOCK * -(-w.output.plane // BLOCK)) * w.inside / FITTED_INSIDE
    return costs.window * (EMPTY_WINDOW + (1 - EMPTY_WINDOW) * filled)


def _around_pixel(operation: Convolution, core: str) -> float:
    """Cycles of a pixel of ``kws_conv_pixels`` beside the product."""
    costs, (channels, depth), w = COSTS[core].pixel, operation.weights.shape, operation.window
    inputs = depth // (w.height * w.width)
    runs = 0 if w.height * w.width == 1 else w.height * min(w.width, inputs)
    return costs.each + (costs.run * runs + costs.input * depth) * w.inside + costs.put * channels


def _tilt(optimise: str) -> float:
    if optimise not in TILT:
        raise RecipeError(
            f"expected optimise to be one of {', '.join(TILT)}. Received: {optimise!r}.{did_you_mean(optimise, TILT)}"
        )
    return TILT[optimise]


def choose_pixels(
    operations: list[Convolution], optimise: str, allowed: tuple[str, ...] | None = None, core: str = DEFAULT_CORE
) -> list[bool]:
    """Which convolutions are computed pixel by pixel: those that take fewer cycles of a core so than in blocks.

    By less than a tenth no layer is; beside layers that stay in blocks none where all of them together save less than
    the code is worth, or where that is more than a twentieth of the flash. Arguments as of :func:`choose`.

    Raises:
        RecipeError: For an unknown tilt.
    """
    tilt = _tilt(optimise)
    names = tuple(ENCODINGS) if allowed is None else tuple(name for name in allowed if name in ENCODINGS)
    dense = [e for op in operations if (e := estimate("dense", op, core)) is not None]
    byte = tilt * sum(e.cycles for e in dense) / max(sum(e.bytes for e in dense), 1)  # what one is worth, in cycles
    saved = [_saved_by_pixels(operation, core, names, byte) for operation in operations]
    picked = [cycles > 0 for cycles in saved]
    none = [False] * len(picked)
    if all(op.vector or pixels for op, pixels in zip(operations, picked, strict=True)):
        return picked  # in the place of the blocks' kernel
    stored = sum(min(op.weights.size, 1.5 * np.count_nonzero(op.weights)) for op in operations)
    if optimise != "speed" and MOST_PIXELS * (stored + REST) < PIXELS:
        return none
    return picked if sum(saved) > PIXELS * byte else none


def _saved_by_pixels(operation: Convolution, core: str, encodings: tuple[str, ...], byte: float) -> float:
    """Cycles that a convolution takes less pixel by pixel, none where its weights would grow by a twentieth."""
    if operation.vector:
        return 0.0
    other, least, around = replace(operation, by_pixels=True), COSTS[core].vector, _around_blocks(operation, core)
    nonzero = np.count_nonzero(operation.weights)
    products = min(operation.weights.size * least["dense"].each, nonzero * least["index"].each / 2)
    dense = estimate("dense", operation, core)
    floor = operation.window.output.pixels * (products + _around_pixel(other, core))
    if dense is not None and floor > dense.cycles + around:  # before anything else is encoded
        return 0.0
    blocks, pixels = (_cheapest(each, core, encodings, byte) for each in (operation, other))
    if blocks is None or pixels is None or pixels.bytes > (1 + MOST_PIXELS) * blocks.bytes:
        return 0.0
    return blocks.cycles + around - pixels.cycles if pixels.cycles < WORTH * (blocks.cycles + around) else 0.0


def _around_blocks(operation: Convolution, core: str) -> float:
    """Cycles of a convolution's blocks beside what :func:`estimate` says."""
    costs, plane = COSTS[core].pixel, operation.window.output.plane
    return costs.block * -(-plane // BLOCK) + (0 if operation.window.pointwise else costs.window * plane)


def _cheapest(operation: Convolution, core: str, encodings: tuple[str, ...], byte: float) -> Estimate | None:
    """In the cheapest of some encodings, where a byte costs ``byte`` cycles; none where it has a kernel for none."""
    found = [e for name in encodings if (e := estimate(name, operation, core)) is not None]
    return min(found, key=lambda e: e.cycles + byte * e.bytes, default=None)


def choose(
    operations: list[Convolution], optimise: str, allowed: tuple[str, ...] | None = None, core: str = DEFAULT_CORE
) -> list[Estimate]:
    """The cheapest encoding of each layer, the kernels' own code included.

    Args:
        operations: The layers with weights to encode.
        optimise: ``"speed"``, ``"balanced"`` or ``"size"``.
        allowed: Names of the encodings to choose from; all by default. Weights that suit none of them stay dense.
        core: A key of :data:`~firmware_export.encodings.core_costs.COSTS`.

    Raises:
        RecipeError: For an unknown tilt or encoding.
    """
    tilt = _tilt(optimise)
    names = tuple(ENCODINGS) if allowed is None else tuple(dict.fromkeys(allowed)) or ("dense",)
    for name in names:
        if name not in ENCODINGS:
            raise RecipeError(
                f"unknown encoding {name!r}. Allowed: {', '.join(ENCODINGS)}.{did_you_mean(name, ENCODINGS)}"
            )
    if not operations:
        return []
    dense = [e for op in operations if (e := estimate("dense", op, core)) is not None]
    base_cycles = sum(e.cycles for e in dense)
    base_bytes = sum(e.bytes for e in dense)
    offers = [{n: e for n in names if (e := estimate(n, op, core)) is not None} for op in operations]
    offers = [offer or {"dense": fallback} for offer, fallback in zip(offers, dense, strict=True)]

    def cost(picked: list[Estimate]) -> float:
        """Cycles + tilt x bytes of a choice, each a share of the dense layers', its kernels' code included."""
        vectors = {(e.encoding, op.rowwise) for e, op in zip(picked, operations, strict=True)}
        code = sum(CODE[name] // (2 if vector else 1) for name, vector in vectors)
        cycles = sum(e.cycles for e in picked)
        return cycles / base_cycles + tilt * (sum(e.bytes for e in picked) + code) / base_bytes

    def pick(subset: tuple[str, ...]) -> list[Estimate] | None:
        """The cheapest estimate of each layer among these kernels; none if a layer has no other."""
        picked = []
        for offer in offers:
            fitting = [e for n, e in offer.items() if n in subset or n not in names]
            if not fitting:
                return None
            picked.append(min(fitting, key=lambda e: _alone(e, base_cycles, base_bytes, tilt)))
        return picked

    subsets = [s for size in range(1, min(len(names), 4) + 1) for s in combinations(names, size)]
    candidates = [p for p in (pick(subset) for subset in subsets) if p is not None]
    return min(candidates, key=cost)


def choose_depthwise(
    operations: list[Depthwise], allowed: tuple[str, ...] | None = None, unpacking: bool = False
) -> list[Estimate | None]:
    """Depthwise kernels of few bits packed, ``None`` for those that stay int8.

    Their taps are unpacked once for a channel, which costs hardly an instruction, so bytes alone decide.

    Args:
        operations: The depthwise convolutions.
        allowed: Names of the encodings to choose from; all by default.
        unpacking: Whether another layer brings the code that unpacks.
    """
    names = [n for n in ("packed", "table") if allowed is None or n in allowed]
    picked: list[Estimate | None] = []
    for op in operations:
        offers = [Estimate(n, e, 0.0) for n in names if (e := ENCODINGS[n].encode(op.weights)) is not None]
        best = min(offers, key=lambda offer: offer.bytes, default=None)
        picked.append(best if best is not None and best.bytes < op.weights.size else None)
    saved = sum(op.weights.size - e.bytes for op, e in zip(operations, picked, strict=True) if e is not None)
    return picked if unpacking or saved > UNPACKING else [None] * len(operations)


def _alone(e: Estimate, base_cycles: float, base_bytes: int, tilt: float) -> tuple[float, str]:
    return e.cycles / base_cycles + tilt * e.bytes / base_bytes, e.encoding
