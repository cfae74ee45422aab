"""Saving the state of a training after every few epochs, so that an interruption costs little."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from kws_tfmot.array_files import check_seal, open_arrays, write_arrays
from kws_tfmot.keras import keras
from kws_tfmot.training.false_rejects import NAME as FALSE_REJECTS
from kws_tfmot.training.saved_state import reading_state


@runtime_checkable
class Stateful(Protocol):
    """A callback that must know where it was when a training goes on."""

    def get_state(self) -> dict[str, np.ndarray]:
        """Everything that is not a weight of the network, as arrays."""
        ...

    def set_state(self, stored: Mapping[str, np.ndarray]) -> None:
        """Take back what :meth:`get_state` gave."""
        ...


class TrainingState(keras.callbacks.Callback):
    """Keeps the best weights and, with a ``path``, everything a resumed run needs.

    The state is one ``.npz``: the network's weights, the optimiser's variables, the best weights, what the
    ``stateful`` callbacks give, and a JSON record of the epoch, the best score and the history, written every
    ``seconds`` or so at the end of an epoch. Epochs before ``first_selectable`` never count as best: their masks were
    not final.
    """

    def __init__(
        self,
        network: keras.Model,
        key: str,
        path: Path | None = None,
        seconds: float = 20.0,
        first_selectable: int = 0,
        stateful: Sequence[Stateful] = (),
    ) -> None:
        super().__init__()
        self._network = network
        self._key = key
        self._path = path
        self._seconds = seconds
        self._first_selectable = first_selectable
        self._stateful = tuple(stateful)
        self._saved_at = time.monotonic()
        self.next_epoch = 0
        self.best_epoch = -1
        self.best_score: tuple[float, float] = (-1.0, 0.0)
        self.best_weights: list[np.ndarray] = []
        self.history: list[dict[str, float]] = []

    def restore(self, optimizer: keras.optimizers.Optimizer) -> bool:
        """Load the state from ``path`` if it is there and belongs to the same run ``key``.

        ``optimizer`` must be built for the network's trainable variables already.

        Raises:
            ModelError: It cannot be read.
        """
        if self._path is None or not self._path.is_file():
            return False
        with reading_state(self._path), open_arrays(self._path) as stored:
            record: dict[str, Any] = json.loads(str(stored["record"]))
            if record["key"] != self._key:
                return False
            check_seal(stored.zip)
            self._network.set_weights([stored[f"weight{i}"] for i in range(record["weights"])])
            for i, variable in enumerate(optimizer.variables):
                variable.assign(stored[f"optimizer{i}"])
            self.best_weights = [stored[f"best{i}"] for i in range(record["weights"])]
            for i, callback in enumerate(self._stateful):
                prefix = f"callback{i}/"
                callback.set_state({k.removeprefix(prefix): stored[k] for k in stored.files if k.startswith(prefix)})
            self.next_epoch = int(record["next_epoch"])
            self.best_epoch = int(record["best_epoch"])
            first, second = record["best_score"]
            self.best_score = (float(first), float(second))
            self.history = [dict(figures) for figures in record["history"]]
            if self.next_epoch != len(self.history):
                raise ValueError(f"{len(self.history)} epochs before epoch {self.next_epoch}")
        return True

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Note the epoch's figures, keep the weights if they are the best so far, and save when it is time."""
        figures = {name: float(value) for name, value in (logs or {}).items()}
        self.history.append(figures)
        worth = -figures[FALSE_REJECTS] if FALSE_REJECTS in figures else figures.get("val_accuracy", 0.0)
        score = (worth, -figures.get("val_loss", 0.0))
        better = score > self.best_score or epoch <= self._first_selectable
        if better or not self.best_weights:
            self.best_score, self.best_epoch, self.best_weights = score, epoch, self._network.get_weights()
        self.next_epoch = epoch + 1
        if time.monotonic() - self._saved_at >= self._seconds:
            self.save()

    def save(self) -> None:
        """Write the state, atomically; does nothing without a path."""
        if self._path is None:
            return
        weights = self._network.get_weights()
        record = {
            "key": self._key,
            "weights": len(weights),
            "next_epoch": self.next_epoch,
            "best_epoch": self.best_epoch,
            "best_score": list(self.best_score),
            "history": self.history,
        }
        arrays = {f"weight{i}": w for i, w in enumerate(weights)}
        arrays |= {f"best{i}": w for i, w in enumerate(self.best_weights)}
        arrays |= {f"optimizer{i}": v.numpy() for i, v in enumerate(self.model.optimizer.variables)}
        for i, callback in enumerate(self._stateful):
            arrays |= {f"callback{i}/{name}": value for name, value in callback.get_state().items()}
        write_arrays(self._path, record=np.array(json.dumps(record)), **arrays)
        self._saved_at = time.monotonic()
