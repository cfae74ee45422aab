"""Where zeros may lie: single weights, blocks or N:M groups, in the order in which the device stores a kernel.

A kernel is seen as a matrix ``[fan_in, outputs]``: a convolution's H, W, I, O flattened to ``[H*W*I, O]``. A column is
one output channel, and on the device (TFLite's OHWI order) one contiguous run of bytes; groups lie along it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

_N_OF_M = re.compile(r"(\d+):(\d+)")
_BLOCK = re.compile(r"(\d+)x(\d+)")


@dataclass(frozen=True)
class Pattern:
    """A pattern of zeros.

    Attributes:
        outputs: Output channels of a block; 1 but for blocks.
        inputs: Consecutive inputs of a block, or M of an N:M group; 1 for single weights.
        kept: N of an N:M group, 0 otherwise.
    """

    outputs: int = 1
    inputs: int = 1
    kept: int = 0

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """Read ``unstructured``, ``AxB`` (A outputs by B consecutive inputs) or ``N:M`` (N kept of M inputs).

        Raises:
            ValueError: For anything else.

        >>> Pattern.parse("1x4"), Pattern.parse("2:4").sparsity
        (Pattern(outputs=1, inputs=4, kept=0), 0.5)
        """
        if text == "unstructured":
            return cls()
        if match := _N_OF_M.fullmatch(text):
            kept, group = int(match[1]), int(match[2])
            if not 0 < kept < group <= 64:
                raise ValueError(f"expected N:M with 0 < N < M <= 64, got {text}")
            return cls(inputs=group, kept=kept)
        if (match := _BLOCK.fullmatch(text)) and 0 < int(match[1]) <= 64 and 0 < int(match[2]) <= 64:
            return cls(outputs=int(match[1]), inputs=int(match[2]))
        raise ValueError(
            "expected 'unstructured', 'N:M' such as '2:4' (N kept of M inputs), or a block 'AxB' such as '1x4' "
            "(A output channels by B consecutive inputs)"
        )

    @property
    def sparsity(self) -> float | None:
        """The one sparsity that an N:M pattern has, ``(M - N) / M``; ``None`` for the others."""
        return (self.inputs - self.kept) / self.inputs if self.kept else None

    @property
    def group(self) -> int:
        """Weights that live or die together (1 for N:M, whose weights are chosen one by one)."""
        return 1 if self.kept else self.outputs * self.inputs

    def fits(self, fan_in: int, outputs: int) -> bool:
        """Whether a matrix ``[fan_in, outputs]`` divides into this pattern's groups."""
        return fan_in % self.inputs == 0 and outputs % self.outputs == 0


UNSTRUCTURED = Pattern()


def select(scores: Matrix, kept: int, pattern: Pattern = UNSTRUCTURED) -> Mask:
    """Keep the ``kept`` weights of the highest score, as far as ``pattern`` allows.

    Blocks are kept by the sum of their scores, ``round(kept / block size)`` of them. In an N:M group the best N are
    kept whatever their score, and while more is to be kept than that, the best of the others wherever they lie; so a
    growing sparsity ends at exactly N:M. Ties go to the first in the matrix, so that masks are reproducible.

    Args:
        scores: Importance of every weight ``[fan_in, outputs]``, 0 or more (negative infinity: never keep).
        kept: Weights to keep.
        pattern: One that fits the matrix.

    Returns:
        True where a weight is kept; masks of the same scores are nested in ``kept``.

    >>> select(np.array([[3.0, 1.0], [2.0, 4.0]]), 2).tolist()
    [[True, False], [False, True]]
    >>> select(np.array([[3.0], [2.0], [1.0], [5.0]]), 2, Pattern.parse("1x2"))[:, 0].tolist()
    [False, False, True, True]
    >>> select(np.array([[3.0], [2.0], [1.0], [4.0]]), 0, Pattern.parse("1:2"))[:, 0].tolist()
    [True, False, False, True]
    """
    fan_in, outputs = scores.shape
    if pattern.kept:
        groups = scores.reshape(-1, pattern.inputs, outputs)
        ranks = np.argsort(np.argsort(-groups, axis=1, kind="stable"), axis=1, kind="stable")
        always = (ranks < pattern.kept).reshape(scores.shape)
        ordered = np.where(always, np.inf, scores)
        return _best(ordered, max(kept, int(always.sum())))
    if pattern.group > 1:
        blocks = scores.reshape(fan_in // pattern.inputs, pattern.inputs, outputs // pattern.outputs, pattern.outputs)
        mask = _best(blocks.sum(axis=(1, 3)), round(kept / pattern.group))
        return mask.repeat(pattern.inputs, axis=0).repeat(pattern.outputs, axis=1)
    return _best(scores, kept)


def _best(scores: Matrix, kept: int) -> Mask:
    flat = scores.ravel()
    mask = np.zeros(flat.size, bool)
    mask[np.argsort(-flat, kind="stable")[:kept]] = True
    return mask.reshape(scores.shape)
