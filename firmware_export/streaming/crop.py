"""Copies of a part of a value, read back from their bytes: which rows, columns and channels they take."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from firmware_export.ir import Layout, Operation
from firmware_export.operators.kernels.strided_copy import StridedCopy, merged


@dataclass(frozen=True)
class Range:
    """``count`` numbers along a dimension: ``first``, ``first + step``, ..."""

    first: int
    step: int
    count: int


@dataclass(frozen=True)
class Crop(Operation):
    """The output's (row, column, channel) is the input's, each along its own :class:`Range`; only while planning."""

    rows: Range
    columns: Range
    channels: Range

    def turned(self) -> Crop:
        """Rows and columns changed over."""
        return replace(self, rows=self.columns, columns=self.rows)

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
    >>> crop = Crop(Range(1, 2, 2), Range(1, 1, 3), Range(0, 1, 2))
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
        ranges.append(Range(starts[axis], step, size))
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
