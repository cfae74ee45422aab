"""Copy a whole input into a part of the output: concatenation and padding."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_export.codegen.layer_writer import LayerWriter
from firmware_export.ir import Layout, Operation
from firmware_export.time_rules import StepRows


@dataclass(frozen=True)
class Place(Operation):
    """Copy the input into the output from byte ``start`` on."""

    start: int

    def begins_at(self, target: Layout) -> tuple[int, int, int]:
        """That of byte ``start``."""
        return place_of(self.start, target)

    def sets_rows_apart(self, part: Layout, out: Layout) -> bool | None:
        """Unless its input fills all rows."""
        return place_of(self.start, out)[1] > 0 or part.height != out.height

    def turned(self, out: Layout) -> Place:
        """From the same element on."""
        channel, y, x = place_of(self.start, out)
        return Place(start_of(out.turned(), x, y, channel))

    def on_step(self, rows: StepRows) -> Place:
        """From the same channel, row and column on."""
        channel, row, column = place_of(self.start, rows.whole)
        return Place(start_of(rows.out, row, column, channel))

    def emit(self, writer: LayerWriter) -> str:
        """The call of ``kws_place_tensor``."""
        source, target = writer.source().layout, writer.target.layout
        members: list[object] = [source.channels, source.height, source.width, source.plane]
        members += [target.width, target.plane, self.start]
        return writer.call("kws_place_tensor", writer.struct("kws_place", members), writer.input(), writer.output)


def start_of(out: Layout, y: int, x: int, channel: int) -> int:
    """Byte of one element in a CHW tensor."""
    return channel * out.plane + y * out.width + x


def place_of(start: int, layout: Layout) -> tuple[int, int, int]:
    """Channel, row and column of a byte of a plane.

    >>> place_of(8 + 3, Layout(3, 2, 4))
    (1, 1, 1)
    """
    channel, pixel = divmod(start, layout.plane)
    return channel, pixel // layout.width, pixel % layout.width
