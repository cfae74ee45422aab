"""Misses against false accepts an hour on recordings as they are: files that hold a word, and files that hold none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.decoders import AUDIO_SUFFIXES
from kws_tfmot.data.speakers import speaker_of
from kws_tfmot.detection.posterior import ONE
from kws_tfmot.errors import DataError
from kws_tfmot.evaluation.streaming.cascade import Cascade, LookTally
from kws_tfmot.evaluation.streaming.det_curve import DetCurve, as_list, ratio_interval, threshold_grid
from kws_tfmot.evaluation.streaming.heard_files import Readings, context_seconds, hear_files
from kws_tfmot.evaluation.streaming.intervals import poisson_interval
from kws_tfmot.evaluation.streaming.product import StreamEvaluation
from kws_tfmot.evaluation.streaming.spotter import StreamModel
from kws_tfmot.evaluation.streaming.tally import Tally
from kws_tfmot.evaluation.streaming.word_files import WordFiles
from kws_tfmot.progress import SILENT, Reporter

TARGETS = (0.5, 0.1)
_GRID = 240

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Counted:
    """What was counted at every operating point: the model's own, then those of ``thresholds``.

    Attributes:
        keywords: The words that can be detected.
        thresholds: Q15, rising.
        said: Number of the keyword of each positive.
        heard: Detections in each positive ``[positives, points, keywords]``.
        who: Speaker, or file, of each positive.
        accepts: Detections in the negatives ``[who, points, keywords]``.
        hours: Of the negatives, by who ``[who]``.
        names: Of whoever is counted.
        by: ``speaker`` where every file's name tells who speaks, else ``file``.
        wakes: Of two models as one, how often the first woke the second in the negatives.
    """

    keywords: tuple[str, ...]
    thresholds: tuple[int, ...]
    said: npt.NDArray[np.int64]
    heard: npt.NDArray[np.int32]
    who: npt.NDArray[np.int64]
    accepts: npt.NDArray[np.int32]
    hours: Float64
    names: tuple[str, ...]
    by: str
    wakes: int | None = None

    def missed(self, words: Sequence[int]) -> npt.NDArray[np.bool_]:
        """Whether each positive of ``words`` was missed ``[positives of them, points]``."""
        chosen = np.flatnonzero(np.isin(self.said, words))
        return self.heard[chosen, :, self.said[chosen]] == 0

    def missed_by(self, words: Sequence[int], point: int) -> tuple[Float64, Float64]:
        """Misses and positives of ``words`` by who ``[1 + who]``; column 0, the background, is 0."""
        who = self.who[np.isin(self.said, words)]
        size = len(self.names)
        missed = np.bincount(who, self.missed(words)[:, point], size)
        return np.r_[0.0, missed], np.r_[0.0, np.bincount(who, minlength=size)]

    def accepts_by(self, words: Sequence[int], point: int) -> tuple[Float64, Float64]:
        """False accepts of ``words`` and hours, likewise."""
        return np.r_[0.0, self.accepts[:, point][:, list(words)].sum(axis=1)], np.r_[0.0, self.hours]

    def point_for(self, words: Sequence[int], per_hour: float) -> int | None:
        """The point with the fewest misses from which on no higher threshold has more false accepts an hour."""
        rates = self.accepts[:, 1:][:, :, list(words)].sum(axis=(0, 2)) / self.hours.sum()
        over = np.flatnonzero(rates > per_hour)
        first = int(over[-1]) + 1 if len(over) else 0
        if first == len(self.thresholds):
            return None
        missed = self.missed(words)[:, 1:].mean(axis=0) if len(self.missed(words)) else np.zeros(len(self.thresholds))
        return 1 + first + int(missed[first:].argmin())

    def curve(self) -> DetCurve:
        """The DET curve over all words."""
        words = range(len(self.keywords))
        accepts, rejects = [], []
        for point in range(1, 1 + len(self.thresholds)):
            missed, events = self.missed_by(words, point)
            wrong, hours = self.accepts_by(words, point)
            accepts.append(wrong)
            rejects.append(missed)
        return DetCurve(self.thresholds, np.array(accepts), np.array(rejects), events, hours)


def evaluate_files(
    model: StreamModel | Cascade, files: WordFiles, targets: Sequence[float] = TARGETS, reporter: Reporter = SILENT
) -> StreamEvaluation:
    """Judge ``model`` on recordings: each positive holds its word once, the negatives hold none.

    A positive is missed if its word is not detected anywhere in it or in the near silence after it; every detection in
    a negative is a false accept. Hours are those of the negatives themselves. ``missed_at`` is what is missed at the
    threshold, chosen on these very recordings for each word, that has at most so many false accepts an hour. Of two
    models as one it is the second's threshold that is chosen.

    Args:
        model: The model.
        files: The recordings.
        targets: False accepts an hour.
        reporter: Where progress goes.

    Raises:
        DataError: If no positive or no negative can be read.
    """
    said, unsaid = Readings(), Readings()
    counted = count_files(model, files, said, unsaid, reporter)
    hours = float(counted.hours.sum())
    every = range(len(counted.keywords))
    notes = [
        *files.notes,
        *(f"positives: {text}" for text in said.note()),
        *(f"negatives: {text}" for text in unsaid.note()),
    ]
    notes += [
        f"{hours:.2f} h of negatives: {target:g} false accepts an hour means that there is not one"
        for target in targets
        if target * hours < 1
    ]
    words = {word: figures_of(counted, [k], targets) for k, word in enumerate(counted.keywords)}
    for k, word in enumerate(counted.keywords):
        words[word]["threshold"] = model.plan.thresholds[model.plan.labels.index(word)] / ONE
        words[word]["other_words_heard"] = int(counted.heard[counted.said == k, 0].sum() - _own(counted, k).sum())
    figures = {
        "hours": hours,
        "words": words,
        "total": figures_of(counted, list(every), targets),
        "positives": said.read,
        "negatives": unsaid.read,
        "unreadable": [{"file": name, "reason": why} for name, why in (*said.unreadable, *unsaid.unreadable)],
        "odd": [{"file": name, "reason": why} for name, why in (*said.odd, *unsaid.odd)],
        "interval_by": counted.by,
        "target_false_accepts_per_hour": targets[0],
        "chosen": None,
        "context_s": context_seconds(model),
        "interpreter": model.runner.name,
        "model_sha256": model.sha256,
        "detection": model.contract.detection.model_dump(mode="json"),
        "notes": notes,
    }
    if counted.wakes is not None:
        figures["wakes_per_hour"] = counted.wakes / hours
    return StreamEvaluation(counted.curve(), None, figures)


def count_files(
    model: StreamModel | Cascade, files: WordFiles, said: Readings, unsaid: Readings, reporter: Reporter = SILENT
) -> Counted:
    """Hear every file and count its detections at every threshold.

    Raises:
        DataError: If no positive or no negative can be read.
    """
    grid, plan = threshold_grid(_GRID), model.plan
    positives = [(path, plan.keywords.index(word)) for word, paths in files.positives.items() for path in paths]
    names, by = _names([path for path, _ in positives], files.negatives, model.contract.data.speaker_pattern)
    number = {name: n for n, name in enumerate(dict.fromkeys(names.values()))}
    words: list[int] = []
    who: list[int] = []
    tally = _tally(model, grid, len(positives))
    word_of = dict(positives)
    for path, _, pieces in hear_files(model, word_of, said, reporter, "listening to positives"):
        tally.add(len(words), pieces)
        words.append(word_of[path])
        who.append(number[names[path]])
    rejected, hours = _tally(model, grid, len(number)), np.zeros(len(number))
    for path, seconds, pieces in hear_files(model, files.negatives, unsaid, reporter, "listening to negatives"):
        rejected.add(number[names[path]], pieces)
        hours[number[names[path]]] += seconds / 3600
    for readings, what in ((said, "positives"), (unsaid, "negatives")):
        if not readings.read:
            raise DataError(
                f"none of the {what} can be read. {' '.join(readings.note())}",
                f"Give files that end in {', '.join(AUDIO_SUFFIXES)}.",
            )
    return Counted(
        plan.keywords, tuple(grid), np.array(words), tally.finish()[: len(words)], np.array(who), rejected.finish(),
        hours, tuple(number), by, rejected.wakes if isinstance(rejected, LookTally) else None,
    )  # fmt: skip


def _tally(model: StreamModel | Cascade, grid: Sequence[int], owners: int) -> Any:
    """What counts what ``model`` hears: it takes the pieces that :func:`hear_files` gives of that kind of model."""
    return LookTally(model, grid, owners) if isinstance(model, Cascade) else Tally(model.plan, grid, owners)


def figures_of(counted: Counted, words: Sequence[int], targets: Sequence[float]) -> dict[str, Any]:
    """JSON-able: what is missed and wrongly accepted of ``words`` at the model's thresholds and at the targets."""
    missed = counted.missed(words)
    n, hours = len(missed), float(counted.hours.sum())
    accepts = counted.accepts_by(words, 0)
    wrong = int(accepts[0].sum())
    found: dict[str, Any] = {
        "n": n,
        "missed": float(missed[:, 0].mean()) if n else None,
        "missed_95": as_list(ratio_interval(*counted.missed_by(words, 0))) if n else None,
        "false_accepts": wrong,
        "false_accepts_per_hour": wrong / hours,
        "false_accepts_per_hour_95": as_list(ratio_interval(*accepts) or poisson_interval(wrong, hours)),
        "detections_per_heard": _per_heard(counted, words),
        "missed_at": {},
        "missed_at_95": {},
        "threshold_at": {},
    }
    for target in targets:
        key, point = f"{target:g}", counted.point_for(words, target)
        if n and point is not None:
            found["missed_at"][key] = float(missed[:, point].mean())
            found["missed_at_95"][key] = as_list(ratio_interval(*counted.missed_by(words, point)))
        else:  # no threshold is high enough: a detector that never speaks is what meets the target
            found["missed_at"][key], found["missed_at_95"][key] = (1.0 if n else None), None
        found["threshold_at"][key] = None if point is None else counted.thresholds[point - 1] / ONE
    return found


def _own(counted: Counted, word: int) -> npt.NDArray[np.int32]:
    """Detections of ``word`` in its own positives, at the model's thresholds."""
    return counted.heard[counted.said == word, 0, word]


def _per_heard(counted: Counted, words: Sequence[int]) -> float | None:
    own = np.concatenate([_own(counted, word) for word in words])
    return float(own.sum() / np.count_nonzero(own)) if own.any() else None


def _names(positives: Sequence[Path], negatives: Sequence[Path], pattern: str) -> tuple[dict[Path, str], str]:
    """Who speaks in each file, or the file itself where not every positive's name tells."""
    speakers = {path: speaker_of(path.name, pattern) for path in (*positives, *negatives)}
    if all(speakers[path] for path in positives):
        return {path: name or str(path) for path, name in speakers.items()}, "speaker"
    return {path: str(path) for path in speakers}, "file"
