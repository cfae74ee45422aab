"""What an encoding costs, in bytes and in instructions, and which one each layer takes.

Bytes are exact: the encoded weights. Instructions are estimates for one inference on a Cortex-M4, from the lengths of
the kernels' inner loops as compiled (`make bench-device` measures the truth): a convolution handles eight pixels at
once, so its row costs are paid once every eight pixels; a fully connected layer pays them once. Each kernel that is
used adds its code. The choice minimises, over all layers together,

    cost = instructions / dense instructions + tilt * bytes / dense bytes

with tilt 0.02 for "speed", 1 for "balanced" and 50 for "size".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from firmware_export.encodings import ENCODINGS, Encoded
from kws_tfmot.errors import RecipeError, did_you_mean

if TYPE_CHECKING:
    from firmware_export.operators.kernels.convolution import Convolution
    from firmware_export.operators.kernels.depthwise import Depthwise

TILT = {"speed": 0.02, "balanced": 1.0, "size": 50.0}
BLOCK = 8  # pixels at once
ROW = 115.0  # requantising and storing eight pixels, and walking to the next row
FC_ROW = 40.0


@dataclass(frozen=True)
class Kernel:
    """Instructions of one encoding: for each kept weight (or group, or block) and each stored word of a row."""

    each: float
    row: float
    fc_each: float
    fc_row: float
    code: int  # bytes of the convolution kernel; the fully connected one is about half


KERNELS = {
    "dense": Kernel(7.5, 4, 2.0, 6, 620),
    "bitmap": Kernel(12.0, 12, 8.0, 14, 720),
    "relative": Kernel(10.5, 4, 7.5, 6, 640),
    "index": Kernel(12.0, 6, 7.0, 6, 620),
    "block": Kernel(33.0, 6, 16.0, 6, 660),
    "nm": Kernel(11.0, 6, 7.5, 14, 720),
    "packed": Kernel(24.0, 10, 20.0, 10, 1000),
    "table": Kernel(22.0, 10, 18.0, 10, 1300),
    "row_tables": Kernel(11.7, 10, 7.7, 10, 1300),
    "planes": Kernel(2.3, 13, 0.0, 0, 1400),
}
WHOLE_BYTES = 10.3  # instructions less for a table's weight of one to four bits, eight of which are read at once
SUMS_OF_FOUR = 78.0  # for the tables of planes, for each input
WIDE_ROW = 300.0  # a row of planes whose sums do not fit 16 bits together
UNPACKING = 600  # bytes of code that a depthwise convolution needs for weights of few bits


@dataclass(frozen=True)
class Estimate:
    """What one layer would cost in one encoding."""

    encoding: str
    encoded: Encoded
    instructions: float

    @property
    def bytes(self) -> int:
        """Bytes of weights in flash."""
        return self.encoded.size


def work(encoding: str, encoded: Encoded, rows: np.ndarray) -> tuple[float, float]:
    """(weights or groups visited, words read beside them) in one pass over the matrix."""
    channels, depth = rows.shape
    nonzero = float(np.count_nonzero(rows))
    if encoding == "relative":
        return (encoded.size - channels) / 1.5, 0.0
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


def estimate(encoding: str, operation: Convolution) -> Estimate | None:
    """Encode one layer and estimate its instructions; ``None`` where the encoding does not suit the weights."""
    rows = operation.weights
    encoded = None if encoding == "planes" and operation.vector else ENCODINGS[encoding].encode(rows)
    if encoded is None:
        return None
    visited, words = work(encoding, encoded, rows)
    kernel, channels = KERNELS[encoding], rows.shape[0]
    if encoding == "table" and encoded.bits <= 4:
        kernel = replace(kernel, each=kernel.each - WHOLE_BYTES, fc_each=kernel.fc_each - WHOLE_BYTES)
    if operation.vector:
        total = visited * kernel.fc_each + words * kernel.fc_row + channels * FC_ROW
    else:
        blocks = -(-operation.window.output.plane // BLOCK)
        gather = rows.shape[1] * (20.0 if operation.window.pointwise else 90.0)
        if encoding == "planes":
            wide = ((1 << encoded.bits) - 1) * rows.shape[1] >= 256
            gather += rows.shape[1] * SUMS_OF_FOUR + (channels * WIDE_ROW if wide else 0.0)
        total = blocks * (visited * kernel.each + words * kernel.row + channels * ROW + gather)
    return Estimate(encoding, encoded, total)


def choose(operations: list[Convolution], optimise: str, allowed: tuple[str, ...] | None = None) -> list[Estimate]:
    """The cheapest encoding of each layer, the kernels' own code included.

    Args:
        operations: The layers with weights to encode.
        optimise: ``"speed"``, ``"balanced"`` or ``"size"``.
        allowed: Names of the encodings to choose from; all by default. Weights that suit none of them stay dense.

    Raises:
        RecipeError: For an unknown tilt or encoding.
    """
    if optimise not in TILT:
        raise RecipeError(
            f"expected optimise to be one of {', '.join(TILT)}. Received: {optimise!r}.{did_you_mean(optimise, TILT)}"
        )
    names = tuple(ENCODINGS) if allowed is None else tuple(dict.fromkeys(allowed)) or ("dense",)
    for name in names:
        if name not in ENCODINGS:
            raise RecipeError(
                f"unknown encoding {name!r}. Allowed: {', '.join(ENCODINGS)}.{did_you_mean(name, ENCODINGS)}"
            )
    if not operations:
        return []
    dense = [e for op in operations if (e := estimate("dense", op)) is not None]
    base_instructions = sum(e.instructions for e in dense)
    base_bytes = sum(e.bytes for e in dense)
    offers = [{n: e for n in names if (e := estimate(n, op)) is not None} for op in operations]
    offers = [offer or {"dense": plain} for offer, plain in zip(offers, dense, strict=True)]
    tilt = TILT[optimise]

    def cost(picked: list[Estimate]) -> float:
        vectors = {(e.encoding, op.vector) for e, op in zip(picked, operations, strict=True)}
        code = sum(KERNELS[name].code // (2 if vector else 1) for name, vector in vectors)
        instructions = sum(e.instructions for e in picked)
        return instructions / base_instructions + tilt * (sum(e.bytes for e in picked) + code) / base_bytes

    def pick(subset: tuple[str, ...]) -> list[Estimate] | None:
        picked = []
        for offer in offers:
            fitting = [e for n, e in offer.items() if n in subset or n not in names]
            if not fitting:
                return None
            picked.append(min(fitting, key=lambda e: _alone(e, base_instructions, base_bytes, tilt)))
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


def _alone(e: Estimate, base_instructions: float, base_bytes: int, tilt: float) -> tuple[float, str]:
    return e.instructions / base_instructions + tilt * e.bytes / base_bytes, e.encoding
