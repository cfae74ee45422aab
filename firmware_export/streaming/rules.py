"""What each operation along time allows: when its rows can be computed once, and which rows of its inputs they need.

Rows are counted within one window: row ``r`` of a value is the same row as ``r + n`` of the step before, ``n`` being
the rows the value gains in a step. That holds for an output row exactly if it is one and the same function of the
input rows at ``first + r * stride ..``, whichever ``r``: VALID windows, element by element, pools and means over
frequency. An operation that leaves one row has no rows to keep: it is computed from the whole of its input in every
step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from firmware_export.ir import Layer, Layout, Program, Value, Window, to_planar
from firmware_export.operators.kernels.convolution import Convolution
from firmware_export.operators.kernels.depthwise import Depthwise
from firmware_export.operators.kernels.elementwise import Elementwise
from firmware_export.operators.kernels.place import Place, place_of
from firmware_export.operators.kernels.reshape import Reshape
from firmware_export.operators.kernels.strided_copy import StridedCopy
from firmware_export.operators.mean import Mean
from firmware_export.operators.pool_2d import Pool
from firmware_export.streaming.crop import Crop
from firmware_export.streaming.upright import NotStreamable

SAME_HINT = (
    "train it without padding along time (padding='valid', as the family streaming_cnn; frequency may be padded), and "
    "crop the older rows of a skip"
)


@dataclass(frozen=True)
class Track:
    """A value along time: ``rows`` in a whole window, one for every ``stride`` rows of the input."""

    rows: int
    stride: int

    def gained(self, hop: int) -> int:
        """Rows that a step of ``hop`` input rows computes."""
        return min(hop // self.stride, self.rows)


def reach(w: Window) -> int:
    """Input rows that one output row sees."""
    return (w.height - 1) * w.dilation_y + 1


def window_of(layer: Layer) -> Window | None:
    """The window that slides along time, ``None`` for operations without; a 1x1 window is one of each row."""
    operation = layer.operation
    if isinstance(operation, (Depthwise, Pool)):
        return operation.window
    if isinstance(operation, Convolution) and not operation.vector and not operation.window.pointwise:
        return operation.window
    return None


def track_of(layer: Layer, program: Program, tracks: dict[int, Track | None]) -> Track | None:
    """The track of a layer's output, ``None`` where it has no rows of time to keep.

    Raises:
        NotStreamable: Where rows of time cannot be computed once, saying why and what to change.
    """
    timed = [track for value in layer.inputs if (track := tracks.get(value)) is not None]
    operation, out = layer.operation, program.values[layer.output].layout
    if not timed:
        return None
    if isinstance(operation, Convolution) and operation.vector:
        return None
    track = timed[0]
    window = window_of(layer)
    if window is not None:
        return _slid(window, track)
    if isinstance(operation, Mean):
        return None if operation.over_y else track
    if isinstance(operation, Reshape):
        return _reshaped(track, out.height, out.pixels)
    if isinstance(operation, Crop):
        if operation.rows.step < 1:
            raise NotStreamable("it turns time around: leave the order of rows as it is")
        return Track(out.height, track.stride * operation.rows.step) if out.height > 1 else None
    if isinstance(operation, StridedCopy):
        raise NotStreamable("it changes the order of dimensions: keep time the first of them, and transpose nothing")
    if isinstance(operation, Elementwise):
        return _together(layer, program, tracks, timed)
    return track


def _slid(w: Window, track: Track) -> Track | None:
    if w.output.height == 1:
        return None
    after = (w.output.height - 1) * w.stride_y + reach(w) + w.first_y - w.input.height
    if w.first_y < 0 or after > 0:
        raise NotStreamable(
            f"it pads time with {max(-w.first_y, 0)} rows before and {max(after, 0)} behind, and they move with the "
            f"window: {SAME_HINT}"
        )
    return Track(w.output.height, track.stride * w.stride_y)


def _reshaped(track: Track, rows: int, pixels: int) -> Track | None:
    if pixels == 1 or rows == 1:
        return None
    return Track(rows, track.stride * (track.rows // rows))


def _together(layer: Layer, program: Program, tracks: dict[int, Track | None], timed: list[Track]) -> Track:
    if any(track != timed[0] for track in timed):
        raise NotStreamable(
            f"its inputs have {timed[0].rows} and {timed[-1].rows} rows of time, one for each {timed[0].stride} and "
            f"{timed[-1].stride} rows of the input: crop the longer to its newest rows"
        )
    for value in layer.inputs:
        if tracks.get(value) is None and program.values[value].data is None:
            raise NotStreamable(
                "it joins every row with a number made from the whole window, so each window changes all rows: leave "
                "squeeze-and-excitation over time out, or take the mean over frequency alone"
            )
    return timed[0]


def check_placed(layer: Layer, program: Program, tracks: dict[int, Track | None]) -> None:
    """Refuse parts of a value along time that are not of its rows: padding and concatenation along time.

    Raises:
        NotStreamable: Saying what to change.
    """
    track, operation, part = tracks.get(layer.output), layer.operation, program.values[layer.inputs[0]]
    if track is None or not isinstance(operation, Place):
        return
    out = program.values[layer.output].layout
    if place_of(operation.start, out)[1] or part.layout.height != out.height:
        raise NotStreamable(f"it sets rows before or behind others in time, and they move with the window: {SAME_HINT}")
    if part.data is not None:
        constant_rows(part, 1)
    elif tracks.get(layer.inputs[0]) != track:
        raise NotStreamable("it joins rows with numbers made from the whole window, so each window changes all rows")


def rows_read(layer: Layer, value: int, program: Program, tracks: dict[int, Track | None], hop: int) -> tuple[int, int]:
    """The rows of ``value``, from and to, that a step of ``hop`` input rows reads to compute the layer's new rows."""
    track = tracks[value]
    if track is None:
        return 0, program.values[value].layout.height
    out, operation = tracks.get(layer.output), layer.operation
    window = window_of(layer)
    if window is not None:
        first = window.output.height - (out.gained(hop) if out else window.output.height)
        low = window.first_y + first * window.stride_y
        high = window.first_y + (window.output.height - 1) * window.stride_y + reach(window)
        return max(low, 0), min(high, track.rows)
    if isinstance(operation, Crop):
        taken = operation.rows
        first = taken.count - (out.gained(hop) if out else taken.count)
        return taken.first + first * taken.step, taken.first + (taken.count - 1) * taken.step + 1
    if out is None:
        return 0, track.rows
    return track.rows - track.gained(hop), track.rows


def constant_rows(value: Value, rows: int) -> Value:
    """``rows`` of a constant that repeats along time.

    Raises:
        NotStreamable: If its rows differ.
    """
    layout = value.layout
    if layout.height == 1 or value.data is None:
        return value
    planes = value.data.reshape(layout.channels, layout.plane)[:, : layout.pixels]
    image = planes.reshape(layout.channels, layout.height, layout.width)
    if (image != image[:, :1]).any():
        raise NotStreamable("its constant differs from row to row of the window: use one that is the same for all")
    cut = Layout(rows, layout.width, layout.channels)
    return replace(value, layout=cut, data=to_planar(image[:, :rows].transpose(1, 2, 0).copy(), cut))
