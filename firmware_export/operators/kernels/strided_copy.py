"""Copy numbers from one regular grid of bytes to another: slices, splits, joins along a new axis, transpositions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from firmware_export.codegen.layer_writer import LayerWriter
from firmware_export.ir import Layout, Operation
from firmware_export.time_rules import Given, NotStreamable, StepRows, Track

CopyAxis = tuple[int, int, int]  # how many, bytes from one to the next in the input, and in the output


@dataclass(frozen=True)
class StridedCopy(Operation):
    """``output[out_start + i so_0 + j so_1 + k so_2] = input[in_start + i si_0 + j si_1 + k si_2]``.

    ``axes`` are the three (size, si, so), the innermost last; steps of the input may be negative.
    """

    in_start: int
    out_start: int
    axes: tuple[CopyAxis, CopyAxis, CopyAxis]

    def track(self, given: Given) -> Track | None:
        """None can be said of it: what keeps the dimensions is a :class:`Crop` by then."""
        raise NotStreamable("it changes the order of dimensions: keep time the first of them, and transpose nothing")

    def along_axes(self, source: Layout, target: Layout) -> Operation:
        """The :class:`Crop` that it is, if it is one."""
        return crop_of(self, source, target) or self

    def emit(self, writer: LayerWriter) -> str:
        """The call of ``kws_copy_strided``, which checks that no byte lies outside of either tensor."""
        members: list[object] = [
            writer.source().layout.bytes,
            writer.target.layout.bytes,
            self.in_start,
            self.out_start,
        ]
        for position in range(3):
            members.append("{" + ", ".join(str(axis[position]) for axis in self.axes) + "}")
        return writer.call("kws_copy_strided", writer.struct("kws_copy", members), writer.input(), writer.output)


def merged(axes: Sequence[CopyAxis]) -> tuple[CopyAxis, CopyAxis, CopyAxis]:
    """Three axes for the kernel: neighbours that lie alike in input and output become one, the longest run innermost.

    >>> merged([(1, 0, 0), (3, 8, 4), (4, 2, 1)])
    ((1, 0, 0), (1, 0, 0), (12, 2, 1))
    >>> merged([(5, 4, 4), (2, 2, 2), (2, 1, 1)])
    ((1, 0, 0), (1, 0, 0), (20, 1, 1))
    """
    found: list[CopyAxis] = []
    for axis in sorted((a for a in axes if a[0] > 1), key=lambda a: (-abs(a[2]), -abs(a[1]))):
        if found and found[-1][1:] == (axis[0] * axis[1], axis[0] * axis[2]):
            found[-1] = (found[-1][0] * axis[0], axis[1], axis[2])
        else:
            found.append(axis)
    if len(found) > 3:
        raise ValueError(f"expected at most three axes. Received: {found}")
    padded = [(1, 0, 0)] * (3 - len(found)) + found
    return padded[0], padded[1], padded[2]


@dataclass(frozen=True)
class AxisRange:
    """``count`` numbers along a dimension: ``first``, ``first + step``, ..."""

    first: int
    step: int
    count: int


@dataclass(frozen=True)
class Crop(Operation):
    """The output's (row, column, channel) is the input's, along its own :class:`AxisRange` each; while planning."""

    rows: AxisRange
    columns: AxisRange
    channels: AxisRange

    def track(self, given: Given) -> Track | None:
        """Every ``step`` th row."""
        if self.rows.step < 1:
            raise NotStreamable("it turns time around: leave the order of rows as it is")
        return Track(given.out.height, given.timed[0].stride * self.rows.step) if given.out.height > 1 else None

    def rows_seen(self, first: int, last: int) -> tuple[int, int]:
        """Those it takes."""
        return self.rows.first + first * self.rows.step, self.rows.first + (last - 1) * self.rows.step + 1

    def takes_newest(self, fresh: int, rows: int) -> bool:
        """One row behind the other, up to the last."""
        return self.rows.first + self.rows.count - rows == fresh and self.rows.step == 1

    def turned(self, out: Layout) -> Crop:
        """Rows and columns changed over."""
        return replace(self, rows=self.columns, columns=self.rows)

    def on_step(self, rows: StepRows) -> Operation:
        """The copy of the rows at hand."""
        first = self.rows.first + rows.first * self.rows.step - rows.read
        taken = AxisRange(first, self.rows.step, rows.out.height)
        return replace(self, rows=taken).copy(rows.given[0], rows.out)

    def copy(self, source: Layout, target: Layout) -> StridedCopy:
        """The copy that does it."""
        start = self.channels.first * source.plane + self.rows.first * source.width + self.columns.first
        axes = [
            (self.channels.count, self.channels.step * source.plane, target.plane),
            (self.rows.count, self.rows.step * source.width, target.width),
            (self.columns.count, self.columns.step, 1),
        ]
        return StridedCopy(start, 0, merged(axes))


def crop_of(copy: StridedCopy, source: Layout, target: Layout) -> Crop | None:
    """The crop that a copy is, ``None`` for one that changes the order of dimensions or leaves a part of the output.

    >>> small, large = Layout(2, 3, 2), Layout(5, 4, 2)
    >>> crop = Crop(AxisRange(1, 2, 2), AxisRange(1, 1, 3), AxisRange(0, 1, 2))
    >>> crop_of(crop.copy(large, small), large, small) == crop
    True
    """
    index = [np.arange(size).reshape(-1, *[1] * (2 - position)) for position, (size, _, _) in enumerate(copy.axes)]
    taken = copy.in_start + sum(i * axis[1] for i, axis in zip(index, copy.axes, strict=True))
    written = copy.out_start + sum(i * axis[2] for i, axis in zip(index, copy.axes, strict=True))
    came = np.full(target.bytes, -1, np.int64)
    came[np.asarray(written).reshape(-1)] = np.broadcast_to(taken, np.shape(written)).reshape(-1)
    planes = came.reshape(target.channels, target.plane)[:, : target.pixels]
    planes = planes.reshape(target.channels, target.height, target.width)
    if (planes < 0).any():
        return None
    first = int(planes[0, 0, 0])
    channel, rest = divmod(first, source.plane)
    starts = (channel, rest // source.width, rest % source.width)
    bytes_of = (source.plane, source.width, 1)
    ranges = []
    for axis, size in enumerate(planes.shape):
        second = planes[tuple(1 if a == axis else 0 for a in range(3))] if size > 1 else first + bytes_of[axis]
        step, odd = divmod(int(second) - first, bytes_of[axis])
        if odd or step == 0:
            return None
        ranges.append(AxisRange(starts[axis], step, size))
    crop = Crop(ranges[1], ranges[2], ranges[0])
    inside = all(
        0 <= r.first + (r.count - 1) * r.step < limit
        for r, limit in zip(ranges, (source.channels, source.height, source.width), strict=True)
    )
    same = inside and bool((_came_from(crop, source) == planes).all())
    return crop if same else None


def _came_from(crop: Crop, source: Layout) -> np.ndarray:
    """The byte of the input for each (channel, row, column) of the output."""
    c, y, x = (r.first + r.step * np.arange(r.count) for r in (crop.channels, crop.rows, crop.columns))
    return c[:, None, None] * source.plane + y[None, :, None] * source.width + x[None, None, :]
