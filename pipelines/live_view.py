"""What a person sees while a model listens: level, scores against their thresholds, and what was heard."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from types import TracebackType

import numpy as np
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from kws_tfmot.data.levels import LevelMeter
from kws_tfmot.detection.detector import NEVER
from kws_tfmot.detection.posterior import ONE
from kws_tfmot.evaluation.streaming.spotter import Heard, StreamModel
from pipelines import console

_WIDTH, _SHOWN, _QUIETEST = 40, 8, -70.0
_WATCHED_S = 4.0


def level_db(block: np.ndarray) -> float:
    """Root mean square of int16 samples in dB of full scale.

    >>> round(level_db(np.full(4, 32767, np.int16)), 2)
    -0.0
    """
    power = float(np.mean(np.square(block, dtype=np.float64))) if len(block) else 0.0
    return 10 * float(np.log10(max(power, 1e-3) / ONE**2))


def bar(share: float, mark: float | None = None) -> Text:
    """A bar of 0 to 1, with a line where the threshold is."""
    filled = round(min(max(share, 0.0), 1.0) * _WIDTH)
    cells = ["█" if place < filled else "·" for place in range(_WIDTH)]
    if mark is not None:
        cells[min(round(mark * _WIDTH), _WIDTH - 1)] = "|"
    return Text("".join(cells), style="green" if mark is not None and share >= mark else "cyan")


class LevelWatch:
    """What is wrong with the level of a stream, by every four seconds of it."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._meter, self._samples = LevelMeter(rate), 0
        self.problems: list[str] = []

    def push(self, block: np.ndarray) -> list[str]:
        """Take int16 samples; what became wrong with them, reported once."""
        self._meter.push(block.astype(np.float32) / ONE)
        self._samples += len(block)
        if self._samples < _WATCHED_S * self._rate:
            return []
        kinds = {problem.split(":")[0] for problem in self.problems}
        self.problems = self._meter.levels().problems()
        self._meter, self._samples = LevelMeter(self._rate), 0
        return [problem for problem in self.problems if problem.split(":")[0] not in kinds]


class LiveView:
    """The view; use it in a ``with`` block and call :meth:`update` after every block of samples."""

    def __init__(self, model: StreamModel) -> None:
        self._model = model
        self._heard: deque[Heard] = deque(maxlen=_SHOWN)
        self._live = Live(console=console.out, auto_refresh=False, transient=True)

    def __enter__(self) -> LiveView:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def update(
        self, block: np.ndarray, scores: np.ndarray, heard: list[Heard], seconds: float, notes: Sequence[str] = ()
    ) -> None:
        """Show the state after ``seconds`` of the stream, with ``notes`` on its level."""
        self._heard.extend(heard)
        self._live.update(self.render(level_db(block), scores, seconds, notes), refresh=True)

    def render(self, level: float, scores: np.ndarray, seconds: float, notes: Sequence[str] = ()) -> Group:
        """The whole picture."""
        grid = Table.grid(padding=(0, 1))
        grid.add_row("level", bar(1 - level / _QUIETEST), f"{level:6.1f} dBFS")
        for label, score, threshold in zip(self._model.plan.labels, scores, self._model.plan.thresholds, strict=True):
            mark = None if threshold == NEVER else threshold / ONE
            grid.add_row(Text(label), bar(float(score), mark), f"{score:6.3f}")
        lines = [Text(heard_line(heard), style="bold green") for heard in reversed(self._heard)]
        warnings = [Text(f"note: {note}", style="yellow") for note in notes]
        return Group(Text(f"{seconds:8.1f} s"), grid, *warnings, *lines)


def heard_line(heard: Heard) -> str:
    """A detection as one line of text."""
    return f"{heard.seconds:9.2f} s  {heard.word:<16} {heard.score:.3f}"
