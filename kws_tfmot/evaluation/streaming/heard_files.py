"""Sound files, each heard between near silence, through one model: smoothed posteriors of its keywords.

Every file is a stream of its own. Before and after it comes near silence, as long as the window and the moving average
together, so that a word anywhere in it, in a clip shorter than the window too, passes through the whole window: white
noise at the level of the file's own quietest tenth, but between -84 and -60 dBFS.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.levels import SoundLevels
from kws_tfmot.data.sound_pieces import sound_pieces, survey
from kws_tfmot.detection.detector import NEVER
from kws_tfmot.evaluation.streaming.cascade import Cascade, Look, LookStream
from kws_tfmot.evaluation.streaming.spotter import ScoreStream, StreamModel
from kws_tfmot.progress import SILENT, Reporter

QUIETEST_DB, LOUDEST_DB = -84.0, -60.0
REMEMBERED_MS = 2000

Scores = npt.NDArray[np.uint16] | list[Look]


@dataclass
class Readings:
    """What became of the files: who was read, who was not, and what is odd about them."""

    seconds: float = 0.0
    read: int = 0
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    odd: list[tuple[str, str]] = field(default_factory=list)

    def note(self, limit: int = 5) -> list[str]:
        """Sentences that name the first few of each."""
        found = []
        for count, what, rows in ((len(self.unreadable), "could not be read", self.unreadable),
                                  (len(self.odd), "are odd", self.odd)):  # fmt: skip
            if count:
                named = "; ".join(f"{name}: {reason}" for name, reason in rows[:limit])
                found.append(f"{count} files {what}: {named}{'; ...' if count > limit else ''}")
        return found


def context_seconds(model: StreamModel | Cascade) -> float:
    """Length of the near silence on either side: window (or what a model with state may remember) and average."""
    if isinstance(model, Cascade):
        return model.context_ms / 1000
    settings, plan = model.contract.frontend, model.plan
    window = max(settings.clip_ms, REMEMBERED_MS) if model.stateful else settings.clip_ms
    return (window + plan.window * plan.stride * settings.hop_ms) / 1000


def near_silence(levels: SoundLevels, samples: int, seed: int = 0) -> npt.NDArray[np.int16]:
    """White noise at the level of a recording's own background, within bounds.

    >>> quiet = SoundLevels(1.0, 0.1, -30.0, -20.0, -110.0, 0.0, 0.0)
    >>> 1.9 < near_silence(quiet, 16000).std() < 2.2
    True
    """
    level = min(max(levels.floor_db, QUIETEST_DB), LOUDEST_DB)
    noise = np.random.default_rng(seed).normal(0.0, 32768.0 * 10 ** (level / 20), samples)
    return np.rint(noise).astype(np.int16)


def hear_file(model: StreamModel | Cascade, path: Path) -> tuple[SoundLevels, list[str], Iterator[Scores]]:
    """Levels of a file, what is odd about it, and its keywords' smoothed posteriors ``[n, keywords]`` by pieces.

    Two models as one give the looks of the second in their place.

    Raises:
        ValueError: If it cannot be read; the text says why. Nothing is raised later.
    """
    found = survey(path)

    def pieces() -> Iterator[Scores]:
        """Scores ``[inferences, words]`` of the words with a threshold, near-silence before and after the file."""
        rate = model.contract.frontend.sample_rate
        context = near_silence(found.levels, round(context_seconds(model) * rate))
        sound = itertools.chain([context], sound_pieces(path, rate, found.gain), [context])
        if isinstance(model, Cascade):
            looks = LookStream(model)
            yield from map(looks.push, sound)
            yield looks.finish()
            return
        stream, chosen = ScoreStream(model), [k for k, level in enumerate(model.plan.thresholds) if level != NEVER]
        for piece in sound:
            yield stream.push(piece)[:, chosen].astype(np.uint16)

    return found.levels, found.problems(), pieces()


def hear_files(
    model: StreamModel | Cascade,
    paths: Iterable[Path],
    readings: Readings,
    reporter: Reporter = SILENT,
    what: str = "listening",
) -> Iterator[tuple[Path, float, Iterator[Scores]]]:
    """Every readable file with its length in seconds and its scores; ``readings`` is written on the way."""
    listed = list(paths)
    with reporter.task(what, len(listed)) as task:
        for path in listed:
            try:
                levels, odd, pieces = hear_file(model, path)
            except (ValueError, OSError) as err:
                readings.unreadable.append((str(path), str(err)))
            else:
                readings.read += 1
                readings.seconds += levels.seconds
                if odd:
                    readings.odd.append((str(path), ", ".join(odd)))
                yield path, levels.seconds, pieces
            task.advance()
