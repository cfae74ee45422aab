"""The folder of a sweep: what every trial has come to, in files that any node may write and any later run reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kws_tfmot.errors import RecipeError
from kws_tfmot.files import write_json
from kws_tfmot.json_reader import read_json

PLAN = "sweep.json"
_FORMAT = 1
Epoch = tuple[str, int, float]  # a training stage, its epoch from 0, accuracy on the validation split


class SweepFolder:
    """``sweep.json`` says what is tried; ``rows``, ``epochs``, ``stopped`` and ``failed`` hold files named by trials.

    Files appear by renaming only. A trial that has a row is finished, whatever else is there; one that was stopped
    early is not run again; one that failed is.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def claim(self, plan: dict[str, Any]) -> None:
        """Make the folder that of ``plan``, or see that it is.

        Raises:
            RecipeError: If it holds something else.
        """
        path = self.root / PLAN
        plan = {"format": _FORMAT, **json.loads(json.dumps(plan))}
        if not path.is_file():
            others = [found.name for found in self.root.iterdir() if found.name != ".lock"]
            if others:
                raise RecipeError(
                    f"{self.root} is not empty and holds no sweep ({PLAN} is missing).", "Give a new folder with --out."
                )
            write_json(path, plan)
            return
        there = _read(path)
        if there != plan:
            raise RecipeError(
                f"{self.root} holds another sweep: {'; '.join(_differences(there, plan))}.",
                "Go on with the sweep it was begun with, or give another --out.",
            )

    @property
    def is_visible(self) -> bool:
        """Whether this computer sees the folder."""
        return (self.root / PLAN).is_file()

    def row(self, trial: str) -> dict[str, Any] | None:
        """The row of a finished trial."""
        return _read(self._file("rows", trial))

    def write_row(self, trial: str, row: dict[str, Any]) -> None:
        """Finish a trial."""
        write_json(self._file("rows", trial), row)

    def epochs(self, trial: str) -> list[Epoch]:
        """Every epoch that a trial has trained, in order and each once."""
        return [(stage, epoch, accuracy) for stage, epoch, accuracy in _read(self._file("epochs", trial)) or []]

    def write_epochs(self, trial: str, epochs: list[Epoch]) -> None:
        """Replace the record of a trial's epochs."""
        write_json(self._file("epochs", trial), epochs)

    def stopped(self, trial: str) -> dict[str, Any] | None:
        """Where a trial was stopped early: ``epoch`` and ``accuracy``."""
        return _read(self._file("stopped", trial))

    def write_stopped(self, trial: str, epoch: int, accuracy: float) -> None:
        """Note that a trial was stopped early."""
        write_json(self._file("stopped", trial), {"epoch": epoch, "accuracy": accuracy})

    def failure(self, trial: str) -> str:
        """Why a trial failed; empty if it has not."""
        return (_read(self._file("failed", trial)) or {}).get("error", "")

    def write_failure(self, trial: str, error: str, trace: str = "") -> None:
        """Note that a trial failed."""
        write_json(self._file("failed", trial), {"error": error, "trace": trace})

    def forget_failures(self) -> None:
        """Let what failed be tried again."""
        for path in self._all("failed"):
            path.unlink(missing_ok=True)

    def is_over(self, trial: str) -> bool:
        """Whether a trial needs no more work."""
        return self.row(trial) is not None or self.stopped(trial) is not None

    def _file(self, kind: str, trial: str) -> Path:
        return self.root / kind / f"{trial}.json"

    def _all(self, kind: str) -> Iterator[Path]:
        folder = self.root / kind
        return folder.glob("*.json") if folder.is_dir() else iter(())


def _read(path: Path) -> Any:
    try:
        return read_json(path)
    except FileNotFoundError:
        return None
    except ValueError:
        raise RecipeError(f"{path} is damaged.", "Remove it; what it recorded is then done again.") from None


def _differences(there: Any, plan: dict[str, Any]) -> Iterator[str]:
    if not isinstance(there, dict) or there.get("format") != _FORMAT:
        yield f"its {PLAN} is not of format {_FORMAT}"
        return
    for key in sorted({*there, *plan} - {"trials"}):
        if there.get(key) != plan.get(key):
            yield f"{key} was {json.dumps(there.get(key))}, is {json.dumps(plan.get(key))}"
    before, now = there.get("trials", {}), plan["trials"]
    counts = {
        "new": len(now.keys() - before.keys()),
        "gone": len(before.keys() - now.keys()),
        "changed": sum(before[name] != now[name] for name in before.keys() & now.keys()),
    }
    if any(counts.values()):
        yield "of its trials " + ", ".join(f"{count} would be {kind}" for kind, count in counts.items() if count)
