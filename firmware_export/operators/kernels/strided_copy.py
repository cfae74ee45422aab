"""Copy numbers from one regular grid of bytes to another: slices, splits, joins along a new axis, transpositions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from firmware_export.codegen.step import Step
from firmware_export.ir import Operation

Axis = tuple[int, int, int]  # how many, bytes from one to the next in the input, and in the output


@dataclass(frozen=True)
class StridedCopy(Operation):
    """``output[out_start + i so_0 + j so_1 + k so_2] = input[in_start + i si_0 + j si_1 + k si_2]``.

    ``axes`` are the three (size, si, so), the innermost last; steps of the input may be negative.
    """

    in_start: int
    out_start: int
    axes: tuple[Axis, Axis, Axis]

    def emit(self, step: Step) -> str:
        """The call of ``kws_copy_strided``, which checks that no byte lies outside of either tensor."""
        members: list[object] = [step.source().layout.bytes, step.target.layout.bytes, self.in_start, self.out_start]
        for position in range(3):
            members.append("{" + ", ".join(str(axis[position]) for axis in self.axes) + "}")
        return step.call("kws_copy_strided", step.struct("kws_copy", members), step.input(), step.output)


def merged(axes: Sequence[Axis]) -> tuple[Axis, Axis, Axis]:
    """Three axes for the kernel: neighbours that lie alike in input and output become one, the longest run innermost.

    >>> merged([(1, 0, 0), (3, 8, 4), (4, 2, 1)])
    ((1, 0, 0), (1, 0, 0), (12, 2, 1))
    >>> merged([(5, 4, 4), (2, 2, 2), (2, 1, 1)])
    ((1, 0, 0), (1, 0, 0), (20, 1, 1))
    """
    found: list[Axis] = []
    for axis in sorted((a for a in axes if a[0] > 1), key=lambda a: (-abs(a[2]), -abs(a[1]))):
        if found and found[-1][1:] == (axis[0] * axis[1], axis[0] * axis[2]):
            found[-1] = (found[-1][0] * axis[0], axis[1], axis[2])
        else:
            found.append(axis)
    if len(found) > 3:
        raise ValueError(f"expected at most three axes. Received: {found}")
    padded = [(1, 0, 0)] * (3 - len(found)) + found
    return padded[0], padded[1], padded[2]
