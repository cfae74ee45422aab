"""Two tensors, element by element, with broadcasting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from firmware_export.codegen.layer_writer import LayerWriter
from firmware_export.ir import Layout, Operation
from firmware_export.operators.shared.context import Unsupported
from firmware_export.time_rules import Given, NotStreamable, StepRows, Track


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

    def track(self, given: Given) -> Track:
        """That of the inputs, which must have the same, or be constant."""
        timed = given.timed
        if any(track != timed[0] for track in timed):
            raise NotStreamable(
                f"its inputs have {timed[0].rows} and {timed[-1].rows} rows of time, one for each {timed[0].stride} "
                f"and {timed[-1].stride} rows of the input: crop the longer to its newest rows"
            )
        if any(track is None and not fixed for track, fixed in zip(given.tracks, given.constant, strict=True)):
            raise NotStreamable(
                "it joins every row with a number made from the whole window, so each window changes all rows: leave "
                "squeeze-and-excitation over time out, or take the mean over frequency alone"
            )
        return timed[0]

    def on_layouts(self, given: Sequence[Layout]) -> Elementwise:
        """With the strides of its inputs."""
        return replace(self, strides=(strides_of(given[0]), strides_of(given[1])))

    def on_step(self, rows: StepRows) -> Elementwise:
        """With the strides of the rows at hand."""
        return self.on_layouts(rows.given)

    def works_in_place(self, source: Layout, target: Layout) -> bool:
        """Where the first input is not repeated."""
        return source == target

    def emit(self, writer: LayerWriter) -> str:
        """The call of the kernel."""
        out = writer.target.layout
        members: list[object] = [out.channels, out.height, out.width, out.plane, *self.strides[0], *self.strides[1]]
        members += [*self.zero_points, *self.multipliers, *self.shifts, self.minimum, self.maximum]
        address = writer.struct("kws_elementwise", members)
        return writer.call(self.kernel, address, writer.input(0), writer.input(1), writer.output)


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
    return strides_of(layout)


def strides_of(layout: Layout) -> tuple[int, int, int]:
    """Steps of one input along (channel, row, column); zero where it repeats."""
    return (
        layout.plane if layout.channels > 1 else 0,
        layout.width if layout.height > 1 else 0,
        1 if layout.width > 1 else 0,
    )
