"""What a training on streams leaves on disk after every epoch, so that an interrupted one goes on where it was."""

from __future__ import annotations

import json
import shutil
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kws_tfmot.array_files import check_seal, open_arrays, write_arrays
from kws_tfmot.data.stretch_features import Stretches
from kws_tfmot.training.saved_state import reading_state
from kws_tfmot.training.stream_judge import StreamScore

_FILE = "state.npz"


class Best(NamedTuple):
    """The weights to be kept so far: keywords missed, the weights, their epoch, their score."""

    missed: float
    weights: list[np.ndarray]
    epoch: int
    score: StreamScore


class Snapshot(NamedTuple):
    """Everything that the next epoch depends on besides settings and seeds."""

    history: list[dict[str, float]]
    variables: list[np.ndarray]
    callbacks: dict[str, np.ndarray]
    hardness: npt.NDArray[np.float32]
    best: Best | None


class StreamState:
    """A folder with the state after the last whole epoch and the stretches of every epoch.

    A folder written under another ``key`` (another recipe or other data) is emptied first.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._folder, self._key = folder, key

    def restore(self) -> tuple[Snapshot, Stretches] | None:
        """The last state and all stretches drawn until then; ``None`` where there is none of this key.

        Raises:
            ModelError: They cannot be read.
        """
        path = self._folder / _FILE
        if path.is_file():
            with reading_state(self._folder), open_arrays(path) as stored:
                record: dict[str, Any] = json.loads(str(stored["record"]))
                if record["key"] == self._key:
                    check_seal(stored.zip)
                    return _snapshot(stored, record), self._pool(len(record["history"]))
        self.clear()
        return None

    def reading(self) -> AbstractContextManager[None]:
        """Turn what a state of another network raises into a refusal."""
        return reading_state(self._folder)

    def save(self, snapshot: Snapshot, fresh: Stretches) -> None:
        """Keep the state after an epoch that drew ``fresh``."""
        self._folder.mkdir(parents=True, exist_ok=True)
        write_arrays(self._stretches(len(snapshot.history) - 1), **fresh._asdict())
        best = snapshot.best
        record = {
            "key": self._key,
            "history": snapshot.history,
            "variables": len(snapshot.variables),
            "best": [best.missed, best.epoch, list(best.score)] if best else None,
            "weights": len(best.weights) if best else 0,
        }
        arrays = {f"variable{i}": value for i, value in enumerate(snapshot.variables)}
        arrays |= {f"callback {key}": value for key, value in snapshot.callbacks.items()}
        arrays |= {f"best{i}": value for i, value in enumerate(best.weights if best else [])}
        record_text = np.array(json.dumps(record))
        write_arrays(self._folder / _FILE, record=record_text, hardness=snapshot.hardness, **arrays)

    def clear(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _stretches(self, epoch: int) -> Path:
        return self._folder / f"stretches{epoch}.npz"

    def _pool(self, epochs: int) -> Stretches:
        parts = []
        for epoch in range(epochs):
            with open_arrays(self._stretches(epoch)) as stored:
                check_seal(stored.zip)
                parts.append(Stretches(*(stored[name] for name in Stretches._fields)))
        return Stretches.joined(parts)


def _snapshot(stored: Any, record: dict[str, Any]) -> Snapshot:
    best = None
    if record["best"]:
        missed, epoch, score = record["best"]
        best = Best(missed, [stored[f"best{i}"] for i in range(record["weights"])], epoch, StreamScore(*score))
    variables = [stored[f"variable{i}"] for i in range(record["variables"])]
    prefix = "callback "
    callbacks = {name[len(prefix) :]: stored[name] for name in stored.files if name.startswith(prefix)}
    return Snapshot(record["history"], variables, callbacks, stored["hardness"], best)
