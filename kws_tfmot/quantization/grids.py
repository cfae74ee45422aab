"""The grids that weights of few bits lie on, and the step that fits a kernel best: pure functions on NumPy arrays.

A weight is ``step * level`` with an integer level. ``k`` bits without a zero level are the grid of DoReFa-Net (Zhou et
al. 2016, arXiv 1606.06160) as Peter et al. use it (2020, arXiv 2012.10138): ``2^k`` levels, the odd numbers from
``-(2^k - 1)`` to ``2^k - 1``; one bit is -1 and 1. With a zero level there are ``2^k - 1``, from ``-(2^(k-1) - 1)`` to
``2^(k-1) - 1``; two bits are then -1, 0 and 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws_tfmot.errors import RecipeError

Floats = npt.NDArray[np.floating]
MAX_BITS = 8
_STARTS = np.linspace(0.2, 1.0, 17)  # of the largest weight, where the search of the best step begins
_ROUNDS = 12


@dataclass(frozen=True)
class Grid:
    """Levels of ``bits`` bits (1 to 8), with or without zero among them.

    >>> [int(v) for v in Grid(2, False).levels], [int(v) for v in Grid(3, True).levels]
    ([-3, -1, 1, 3], [-3, -2, -1, 0, 1, 2, 3])
    """

    bits: int
    zero: bool

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= MAX_BITS or (self.bits == 1 and self.zero) or (self.bits == 8 and not self.zero):
            raise RecipeError(
                f"no grid of {self.bits} bits {'with' if self.zero else 'without'} a zero level.",
                "1 bit has no zero level, 8 bits have one (the file's weights are int8), 2 to 7 bits have either.",
            )

    @property
    def top(self) -> int:
        """The largest level."""
        return (1 << (self.bits - 1)) - 1 if self.zero else (1 << self.bits) - 1

    @property
    def levels(self) -> npt.NDArray[np.int64]:
        """Every level, ascending."""
        return np.arange(-self.top, self.top + 1, 1 if self.zero else 2)

    @property
    def factor(self) -> int:
        """The largest power of two that keeps every level times it within int8: what a file stores of a level.

        >>> Grid(1, False).factor, Grid(2, False).factor, Grid(4, True).factor, Grid(8, True).factor
        (64, 32, 16, 1)
        """
        return 1 << (127 // self.top).bit_length() - 1


def nearest_levels(ratios: Floats, grid: Grid) -> Floats:
    """The level next to each ``weight / step``; ties go to the even multiple, as rounding in NumPy and TensorFlow does.

    Without zero this is ``n (2 clip(round(n (w + 1) / 2) / n, 0, 1) - 1)`` with ``n = 2^k - 1`` and ``w = ratio / n``.

    >>> nearest_levels(np.array([-9.0, -0.4, 0.4, 2.5]), Grid(2, False)).tolist()
    [-3.0, -1.0, 1.0, 3.0]
    >>> nearest_levels(np.array([-9.0, -0.4, 0.6]), Grid(2, True)).tolist()
    [-1.0, 0.0, 1.0]
    """
    if grid.zero:
        return np.clip(np.round(ratios), -grid.top, grid.top) + 0.0
    return np.clip(2.0 * np.round((ratios + grid.top) / 2.0) - grid.top, -grid.top, grid.top)


def range_steps(columns: Floats, grid: Grid) -> Floats:
    """The step of each column at which its largest weight lies on the last level: rounding between minimum and maximum.

    Args:
        columns: Weights ``[N, columns]``.
        grid: Their levels.

    >>> range_steps(np.array([[0.5, -3.0], [-1.5, 0.1]]), Grid(2, False)).tolist()
    [0.5, 1.0]
    """
    return np.abs(columns).max(axis=0) / grid.top


def least_squares_steps(columns: Floats, grid: Grid) -> Floats:
    """The step of each column that leaves the least squared error ``sum (w - step * level(w / step))^2``.

    For one bit it is ``mean |w|`` (Rastegari et al. 2016, arXiv 1603.05279). Otherwise levels and steps are found by
    twelve turns, ``step = sum w l / sum l^2``, from 17 starts, at which the last level is a fifth of the largest weight
    to all of it, and the best is kept. Zeros count like other weights if zero is a level, and not at all if it is not:
    they are then no levels but places without a weight.

    Args:
        columns: Weights ``[N, columns]``.
        grid: Their levels.

    >>> least_squares_steps(np.array([[1.0, 0.2], [-3.0, -0.6], [0.0, 0.4]]), Grid(1, False)).round(6).tolist()
    [2.0, 0.4]
    """
    used = np.ones(columns.shape, bool) if grid.zero else columns != 0
    reach = np.abs(columns).max(axis=0)
    reach = np.where(reach > 0, reach, 1.0)
    found = np.stack([_by_turns(columns, used, grid, start * reach / grid.top) for start in _STARTS])
    errors = [((columns - steps * nearest_levels(columns / steps, grid) * used) ** 2).sum(axis=0) for steps in found]
    return np.take_along_axis(found, np.argmin(errors, axis=0)[None], axis=0).ravel()


def _by_turns(columns: Floats, used: npt.NDArray[np.bool_], grid: Grid, steps: Floats) -> Floats:
    """The steps that the search ends with which begins with ``steps``; a column without levels keeps its own."""
    for _ in range(_ROUNDS):
        levels = nearest_levels(columns / steps, grid) * used
        weight = (levels**2).sum(axis=0)
        steps = np.where(weight > 0, (columns * levels).sum(axis=0) / np.maximum(weight, 1), steps)
    return steps
