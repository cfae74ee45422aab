"""What two networks as one detector cost an hour: counted instructions, and how often the first wakes the second."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from firmware_export.emulation.cascade_firmware import Pair
from firmware_export.emulation.emulator import emulate
from firmware_export.emulation.example import frontend_cost
from firmware_export.emulation.stream_report import emulate_stream

_STEPS = 20


class Spent(NamedTuple):
    """Counted instructions and the least and most modelled cycles."""

    instructions: float
    cycles: tuple[float, float]

    def times(self, count: float) -> Spent:
        """So many of it."""
        return Spent(self.instructions * count, (self.cycles[0] * count, self.cycles[1] * count))

    def plus(self, other: Spent) -> Spent:
        """Both together."""
        cycles = (self.cycles[0] + other.cycles[0], self.cycles[1] + other.cycles[1])
        return Spent(self.instructions + other.instructions, cycles)


@dataclass(frozen=True)
class CascadeCost:
    """The cost of an hour.

    Attributes:
        board: The emulated board.
        core: Its core.
        wakes_per_hour: That were assumed.
        awake_share: Share of the time in which the second network looks.
        frontend: Of an hour's features.
        first: Of the first network's inferences, or steps, in an hour.
        second: Of all looks in an hour, each to its end.
        look: Of one of them.
        second_alone: Of the second network if it listened all the time.
    """

    board: str
    core: str
    wakes_per_hour: float
    awake_share: float
    frontend: Spent
    first: Spent
    second: Spent
    look: Spent
    second_alone: Spent

    def to_dict(self) -> dict[str, Any]:
        """Values for JSON."""
        return asdict(self)


def cascade_cost(
    pair: Pair, models: tuple[Path | bytes, Path | bytes], board: str, wakes_per_hour: float, optimise: str = "balanced"
) -> CascadeCost:
    """Count an inference, or a step, of both and a hop of the front end on a board, and add up an hour.

    A look that finds the word ends earlier than one that does not, so ``second`` is the most that so many wakes cost.

    Raises:
        ToolchainError: If a tool is missing or a firmware fails.
    """
    hops = 3600 * 1000 / pair.contracts[0].frontend.hop_ms
    ear = frontend_cost(pair.contracts[0], board)
    one, other = (_spent(model, pair, k, board, optimise) for k, model in enumerate(models))
    look = other.times(pair.look.inferences)
    return CascadeCost(
        board=board,
        core=ear.core,
        wakes_per_hour=wakes_per_hour,
        awake_share=min(1.0, wakes_per_hour * pair.look.frames / hops),
        frontend=Spent(ear.instructions, (ear.cycles_range[0], ear.cycles_range[1])).times(hops),
        first=one.times(hops / pair.plans[0].stride),
        second=look.times(wakes_per_hour),
        look=look,
        second_alone=other.times(hops / pair.plans[1].stride),
    )


def _spent(model: Path | bytes, pair: Pair, which: int, board: str, optimise: str) -> Spent:
    """What an inference of one of the two costs, the most of some random inputs; of a step the mean."""
    if step := pair.engines[which].program.step:
        report = emulate_stream(model, board, hop=step.rows, steps=_STEPS, optimise=optimise)
        return Spent(report.step_instructions, (report.step_cycles_range[0], report.step_cycles_range[1]))
    found = emulate(model, board, random=2, optimise=optimise)
    return Spent(found.instructions, (found.cycles_range[0], found.cycles_range[1]))
