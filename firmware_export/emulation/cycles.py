"""Modelled cycles: the tables there are, what each rests on, and counts between the markers of a firmware.

The tables themselves, with document and page, are in :file:`emulation/plugin/timing.c`. A count of cycles is a
range, ``least`` to ``most``, because the manuals give ranges (a pipeline refill of 1 to 3 cycles on Cortex-M3 and M4,
4 to 7 for a long multiplication with accumulation on M3); its middle is what is shown first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kws_tfmot.errors import RecipeError, did_you_mean

MODELLED = "modelled, no wait states"


@dataclass(frozen=True)
class Timing:
    """A table of cycles.

    Attributes:
        name: Of the table in the plugin.
        core: The core it is of.
        source: Where the cycles come from.
        assumed: Whether that is an assumption of ours and no manual of this core.
        issue: Instructions a cycle at the most: 1, or 2 for a core that is only bounded.
    """

    name: str
    core: str
    source: str
    assumed: bool = False
    issue: int = 1

    @property
    def table(self) -> str:
        """The plugin's table: a core that is only bounded takes that of M4."""
        return "m4" if self.issue > 1 or self.name == "m33" else self.name

    def about(self, wait_states: int = 0) -> str:
        """One line that says what the cycles are.

        >>> TIMINGS["m4"].about()
        'modelled, no wait states: Cortex-M4, Arm DDI 0439B'
        """
        if wait_states:
            waits = (
                f"modelled, {wait_states} flash wait states assumed to cost {wait_states} cycles at every jump "
                f"and every read of data from flash (fetches in sequence none)"
            )
        else:
            waits = MODELLED
        return f"{waits}: {self.core}, {self.source}"


TIMINGS: dict[str, Timing] = {
    timing.name: timing
    for timing in (
        Timing("m0", "Cortex-M0, multiplier of 1 cycle", "Arm DDI 0432C"),
        Timing("m0-slow-multiplier", "Cortex-M0, multiplier of 32 cycles", "Arm DDI 0432C"),
        Timing("m0plus", "Cortex-M0+, multiplier of 1 cycle", "Arm DDI 0484C"),
        Timing("m0plus-slow-multiplier", "Cortex-M0+, multiplier of 32 cycles", "Arm DDI 0484C"),
        Timing("m3", "Cortex-M3", "Arm DDI 0337I"),
        Timing("m4", "Cortex-M4", "Arm DDI 0439B"),
        Timing("m33", "Cortex-M33", "an assumption: timed as Cortex-M4", assumed=True),
        Timing("m7", "Cortex-M7", "a bound, no model: two instructions a cycle to Cortex-M4's cycles", True, issue=2),
        Timing("m55", "Cortex-M55", "an assumption: scalars as Cortex-M4, vectors by beats", assumed=True),
    )
}


def timing_of(name: str) -> Timing:
    """The table called ``name``.

    Raises:
        RecipeError: Where there is none.
    """
    if name not in TIMINGS:
        raise RecipeError(f"unknown core {name!r}.{did_you_mean(name, TIMINGS)} Allowed: {', '.join(TIMINGS)}.")
    return TIMINGS[name]


class Cycles(NamedTuple):
    """A range of cycles."""

    least: int
    most: int

    @property
    def middle(self) -> int:
        """Halfway.

        >>> Cycles(10, 15).middle
        12
        """
        return (self.least + self.most) // 2

    def milliseconds(self, mhz: float) -> tuple[float, float]:
        """Least and most at a clock."""
        return self.least / (1000 * mhz), self.most / (1000 * mhz)


@dataclass(frozen=True)
class ExecutionCounts:
    """What a firmware had executed at each marker: arrays of one length, cumulative.

    Attributes:
        instructions: Executed.
        jumps: Those that went on elsewhere than behind themselves.
        flash_reads: Data read from flash; zeros where not watched.
        ranges: For each table of the plugin, cycles ``[N, 2]``: least and most.
    """

    instructions: np.ndarray
    jumps: np.ndarray
    flash_reads: np.ndarray
    ranges: dict[str, np.ndarray]

    @classmethod
    def read(cls, text: str, tables: tuple[str, ...]) -> ExecutionCounts:
        """From what the plugin wrote.

        >>> counts = ExecutionCounts.read("10 1 0 12 14\\n20 2 0 23 27\\n", ("m4",))
        >>> counts.spent().instructions.tolist(), counts.spent().cycles("m4").tolist()
        ([9], [[10, 12]])
        """
        rows = np.array([[int(word) for word in line.split()] for line in text.splitlines()], np.int64)
        rows = rows.reshape(-1, 3 + 2 * len(tables))
        ranges = {name: rows[:, 3 + 2 * i : 5 + 2 * i] for i, name in enumerate(tables)}
        return cls(rows[:, 0], rows[:, 1], rows[:, 2], ranges)

    def spent(self) -> ExecutionCounts:
        """Between each marker and the next, without the marker itself (one instruction, one cycle)."""
        return ExecutionCounts(
            np.diff(self.instructions) - 1,
            np.diff(self.jumps),
            np.diff(self.flash_reads),
            {name: np.diff(r, axis=0) - 1 for name, r in self.ranges.items()},
        )

    def select(self, which: slice | np.ndarray) -> ExecutionCounts:
        """Some of the rows."""
        ranges = {name: r[which] for name, r in self.ranges.items()}
        return ExecutionCounts(self.instructions[which], self.jumps[which], self.flash_reads[which], ranges)

    def cycles(self, timing: str, wait_states: int = 0) -> np.ndarray:
        """Cycles ``[N, 2]``, least and most, on a core.

        Wait states are assumed to cost ``wait_states`` cycles at every jump and every read of data from flash, and
        nothing where code is fetched in sequence, as behind a prefetch buffer; a cache would cost less.
        """
        about = timing_of(timing)
        found = self.ranges[about.table].copy()
        if about.issue > 1:
            found[:, 0] = -(-self.instructions // about.issue)
        return found + wait_states * (self.jumps + self.flash_reads)[:, None]

    def total(self, timing: str, wait_states: int = 0) -> Cycles:
        """The sum of all rows."""
        least, most = self.cycles(timing, wait_states).sum(axis=0)
        return Cycles(int(least), int(most))
