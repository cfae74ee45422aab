"""What an operation along time allows: when its rows can be computed once, and which rows of its inputs they need.

Rows are counted within one window: row ``r`` of a value is the same row as ``r + n`` of the step before, ``n`` being
the rows the value gains in a step. That holds for an output row exactly if it is one and the same function of the
input rows at ``first + r * stride ..``, whichever ``r``: VALID windows, element by element, pools and means over
frequency. An operation that leaves one row has no rows to keep: it is computed from the whole of its input in every
step. Every operation answers for itself, in its own file; the defaults are those of a step that takes each row by
itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from firmware_export.ir import Layout, Window

Rules = TypeVar("Rules", bound="TimeRules")
SAME_HINT = (
    "train it without padding along time (padding='valid', as the family streaming_cnn; frequency may be padded), and "
    "crop the older rows of a skip"
)


class NotStreamable(Exception):
    """Why the layers of one operator cannot be computed once for each row."""


@dataclass(frozen=True)
class Track:
    """A value along time: ``rows`` in a whole window, one for every ``stride`` rows of the input."""

    rows: int
    stride: int

    def gained(self, hop: int) -> int:
        """Rows that a step of ``hop`` input rows computes."""
        return min(hop // self.stride, self.rows)


@dataclass(frozen=True)
class Given:
    """The inputs of an operation: the track of each, ``None`` without, whether it is constant; and its output."""

    tracks: tuple[Track | None, ...]
    constant: tuple[bool, ...]
    out: Layout

    @property
    def timed(self) -> list[Track]:
        """Tracks of the inputs that have one."""
        return [track for track in self.tracks if track is not None]


@dataclass(frozen=True)
class StepRows:
    """Where the rows of a step are.

    ``first`` is the window's row that the first output row is, ``read`` the one that the first input row is; ``given``
    and ``out`` are the layouts of the step, ``whole`` is the output's in a whole window.
    """

    first: int
    read: int
    given: tuple[Layout, ...]
    out: Layout
    whole: Layout


class TimeRules:
    """The part of an operation that streaming asks."""

    @property
    def sliding(self) -> Window | None:
        """The window that slides along time; ``None`` without one, or where it sees one row alone."""
        return None

    @property
    def flattens(self) -> bool:
        """Whether it takes its whole input as one vector, rows of time or not."""
        return False

    @property
    def reshapes(self) -> bool:
        """Whether it gives the same numbers another shape."""
        return False

    def track(self, given: Given) -> Track | None:
        """The track of the output, ``None`` where it has no rows of time to keep.

        Raises:
            NotStreamable: Where rows of time cannot be computed once, saying why and what to change.
        """
        return slid(self.sliding, given.timed[0]) if self.sliding else given.timed[0]

    def rows_seen(self, first: int, last: int) -> tuple[int, int] | None:
        """Input rows, from and to, that the output rows ``first`` to ``last - 1`` need; ``None``: the same."""
        w = self.sliding
        return (w.first_y + first * w.stride_y, w.first_y + (last - 1) * w.stride_y + w.reach) if w else None

    def sets_rows_apart(self, part: Layout, out: Layout) -> bool | None:
        """Whether it sets rows before or behind its input's; ``None`` where it sets nothing into its output."""
        return None

    def along_axes(self, source: Layout, target: Layout) -> Any:
        """The same operation, as one that says what it does along each axis, where that can be said."""
        return self

    def turned(self: Rules, out: Layout) -> Rules:
        """The same on inputs whose height and width are changed over; ``out`` is the output before."""
        return self

    def on_layouts(self: Rules, given: Sequence[Layout]) -> Rules:
        """The same on inputs of these layouts, where it holds anything of them."""
        return self

    def on_step(self, rows: StepRows) -> Any:
        """The same operation on the rows of a step."""
        return self

    def takes_newest(self, fresh: int, rows: int) -> bool:
        """Whether its last ``rows`` rows are those of its input from row ``fresh`` of the window on."""
        return False

    def takes_row_vector(self, out: Layout, rows: int) -> bool:
        """Whether a step of ``rows`` output rows can read its input as one vector of rows, channels innermost."""
        return False

    def over_row_vector(self: Rules, given: Layout, rows: StepRows) -> Rules:
        """The same on such a vector; ``given`` is the input's layout in a whole window."""
        return self


def slid(w: Window, track: Track) -> Track | None:
    """The track that a window leaves which slides over another.

    Raises:
        NotStreamable: If it pads time.
    """
    if w.output.height == 1:
        return None
    after = (w.output.height - 1) * w.stride_y + w.reach + w.first_y - w.input.height
    if w.first_y < 0 or after > 0:
        raise NotStreamable(
            f"it pads time with {max(-w.first_y, 0)} rows before and {max(after, 0)} behind, and they move with the "
            f"window: {SAME_HINT}"
        )
    return Track(w.output.height, track.stride * w.stride_y)
