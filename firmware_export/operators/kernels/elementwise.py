"""Two tensors, element by element, with broadcasting."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_export.codegen.step import Step
from firmware_export.ir import Layout, Operation
from firmware_export.operators.shared.context import Unsupported


@dataclass(frozen=True)
class Elementwise(Operation):
    """``kernel`` of two tensors; ``strides`` are (channel, row, column) of each input, 0 where it is repeated.

    The triples are of both inputs and the output; which of them a kernel uses, the runtime's header says.
    """

    kernel: str
    strides: tuple[tuple[int, int, int], tuple[int, int, int]]
    zero_points: tuple[int, int, int] = (0, 0, 0)
    multipliers: tuple[int, int, int] = (0, 0, 0)
    shifts: tuple[int, int, int] = (0, 0, 0)
    minimum: int = -128
    maximum: int = 127

    def works_in_place(self, source: Layout, target: Layout) -> bool:
        """Where the first input is not repeated."""
        return source == target

    def emit(self, step: Step) -> str:
        """The call of the kernel."""
        out = step.target.layout
        members: list[object] = [out.channels, out.height, out.width, out.plane, *self.strides[0], *self.strides[1]]
        members += [*self.zero_points, *self.multipliers, *self.shifts, self.minimum, self.maximum]
        address = step.struct("kws_elementwise", members)
        return step.call(self.kernel, address, step.input(0), step.input(1), step.output)


def broadcast_strides(layout: Layout, out: Layout) -> tuple[int, int, int]:
    """Steps of one input along (channel, row, column); zero where it repeats.

    Raises:
        Unsupported: Where a size is neither 1 nor the output's.

    >>> broadcast_strides(Layout(1, 1, 4), Layout(5, 2, 4))
    (1, 0, 0)
    """
    for size, full in ((layout.channels, out.channels), (layout.height, out.height), (layout.width, out.width)):
        if size not in (1, full):
            raise Unsupported(f"{layout} does not broadcast to {out}")
    return (
        layout.plane if layout.channels > 1 else 0,
        layout.width if layout.height > 1 else 0,
        1 if layout.width > 1 else 0,
    )
