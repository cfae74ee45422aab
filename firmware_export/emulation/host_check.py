"""Many more inputs than an emulated board could run in time: the engine's C on this computer against an interpreter."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from firmware_export.emulation.host import EngineInterpreter
from firmware_export.encodings.core_costs import DEFAULT_CORE
from kws_tfmot.tflite.interpreter import open_interpreter, random_inputs
from kws_tfmot.tflite.reader import read_model

_MULTIPLIES = 1_000_000_000  # a few seconds of TFLM's reference kernels
_MOST_INPUTS, _MOST_BYTES, _BATCH = 20_000, 1 << 28, 500


@dataclass(frozen=True)
class HostCheck:
    """How many random inputs were compared, and how many bytes of the outputs differed."""

    inputs: int
    differing_bytes: int


def check_on_host(
    model: bytes,
    reference: str = "tflm",
    *,
    optimise: str = "balanced",
    core: str = DEFAULT_CORE,
    count: int | None = None,
    seed: int = 1,
) -> HostCheck:
    """Compare the host build of the engine with an interpreter, byte by byte.

    Differences of a rounding are rare: of 12.8 million outputs of a FULLY_CONNECTED whose scales were multiplied in
    single precision 25 differed, so a handful of inputs proves nothing.

    Args:
        model: Bytes of a ``.tflite`` that the engine supports.
        reference: Interpreter to compare with, as for ``open_interpreter``.
        optimise: As for :func:`firmware_export.engine.build`.
        core: The same.
        count: Random inputs; as many as :func:`affordable` where not given.
        seed: Of the inputs.

    Raises:
        ModelError: If the model is not supported.
        ToolchainError: Without a C compiler.
    """
    ours, theirs = EngineInterpreter(model, optimise=optimise, core=core), open_interpreter(model, reference)
    graph = read_model(model)
    macs = sum(ours.engine.work(layer)[0] for layer in range(len(ours.engine.program.layers)))
    if count is None:
        count = affordable(macs, random_inputs(graph, 1, seed).nbytes)
    differing = 0
    for first in range(0, count, _BATCH):
        batch = random_inputs(graph, min(_BATCH, count - first), seed + first)
        mine, other = ours.run(batch), theirs.run(batch)
        differing += int(np.count_nonzero(mine.reshape(-1).view(np.uint8) != other.reshape(-1).view(np.uint8)))
    return HostCheck(count, differing)


def affordable(macs: int, input_bytes: int) -> int:
    """Inputs that take a few seconds: 10^9 multiplies and 256 MiB of inputs at most, 16 to 20,000.

    >>> affordable(2_656_768, 490), affordable(82_000, 128), affordable(10**9, 9216)
    (376, 12195, 16)
    """
    return min(_MOST_INPUTS, max(16, min(_MULTIPLIES // max(macs, 1), math.floor(_MOST_BYTES / max(input_bytes, 1)))))
