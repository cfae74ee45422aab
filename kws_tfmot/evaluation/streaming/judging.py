"""Detections against the truth: hits, false rejects, false accepts, and whose they are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from kws_tfmot.detection.detector import NEVER, Detection, DetectorPlan
from kws_tfmot.evaluation.streaming.spotter import ScoreStream, StreamModel
from kws_tfmot.evaluation.streaming.truth import BACKGROUND, LabelledStream, SpokenWord
from kws_tfmot.progress import SILENT, Reporter

SpeakerCounts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Outcome:
    """What a detector did on a set of streams. Arrays are ``[speakers, keywords]``.

    Attributes:
        hits: Keywords detected.
        false_rejects: Keywords not detected.
        false_accepts: Detections while no keyword was said; the column is the word wrongly heard.
        substitutions: Another word detected while a keyword was said; the column is the keyword said.
        repeats: Further detections of a keyword said once.
        latencies: For each hit, seconds from the keyword's end to its detection; negative where it came before.
        hit_words: Number of the keyword of each hit.
    """

    hits: SpeakerCounts
    false_rejects: SpeakerCounts
    false_accepts: SpeakerCounts
    substitutions: SpeakerCounts
    repeats: SpeakerCounts
    latencies: list[float] = field(default_factory=list)
    hit_words: list[int] = field(default_factory=list)

    @classmethod
    def none(cls, speakers: int, keywords: int) -> Outcome:
        """All zero."""
        tables = [np.zeros((speakers, keywords), np.int64) for _ in range(5)]
        return cls(tables[0], tables[1], tables[2], tables[3], tables[4])


@dataclass(frozen=True, eq=False)
class _Run:
    """One stream after the model: smoothed posteriors, the time of each inference, and whose time it is."""

    smoothed: npt.NDArray[np.uint16]
    times: npt.NDArray[np.float64]
    events: tuple[SpokenWord, ...]
    event_words: list[int]
    event_speakers: list[int]
    speaker: npt.NDArray[np.int64]
    free: npt.NDArray[np.bool_]


class Judge:
    """Streams run through a model once, then judged at any threshold.

    A detection of a keyword from its start until ``tolerance`` seconds after its end is a hit; a second one is a
    repeat, another word's a substitution. Every other detection is a false accept. Hours of false accepts are those
    outside the windows of all keywords, so that how often keywords are said does not change their rate.

    Args:
        model: The model.
        streams: The streams; each begins with an empty detector. They are taken one by one and not kept.
        tolerance: Seconds; the length of the model's window when ``None``.
        count: How many streams there are, for the progress.
        reporter: Where progress goes.

    Attributes:
        speakers: All speakers; the first is the background.
        keywords: The words that can be detected.
        hours: Hours without keywords ``[speakers]``.
        total_hours: All hours.
        sha256: Of all streams.
    """

    def __init__(
        self,
        model: StreamModel,
        streams: Iterable[LabelledStream],
        tolerance: float | None = None,
        count: int | None = None,
        reporter: Reporter = SILENT,
    ) -> None:
        self.plan = model.plan
        pairs = zip(model.plan.labels, model.plan.thresholds, strict=True)
        self.keywords = [label for label, threshold in pairs if threshold != NEVER]
        self.tolerance = model.contract.frontend.clip_ms / 1000 if tolerance is None else tolerance
        self.speakers = [BACKGROUND]
        self._step_s = model.plan.stride * model.contract.frontend.hop_ms / 1000
        digest, seconds, runs = hashlib.sha256(), 0.0, []
        with reporter.task("listening", count) as task:
            for stream in streams:
                smoothed, samples, own = _hear(model, stream)
                runs.append(self._run(model, stream, smoothed))
                digest.update(own)
                seconds += samples / stream.rate
                task.advance()
        self._runs, self.total_hours, self.sha256 = runs, seconds / 3600, digest.hexdigest()
        free = [np.bincount(run.speaker[run.free], minlength=len(self.speakers)) for run in runs]
        self.hours = np.sum(free, axis=0) * self._step_s / 3600

    def _run(self, model: StreamModel, stream: LabelledStream, smoothed: npt.NDArray[np.uint16]) -> _Run:
        times = np.array([model.seconds_of(number) for number in range(len(smoothed))])
        speaker = np.zeros(len(times), np.int64)
        for segment in stream.segments:
            speaker[(times >= segment.start) & (times < segment.end)] = self._number(segment.speaker)
        free = np.ones(len(times), bool)
        for event in stream.events:
            free &= ~((times >= event.start) & (times <= event.end + self.tolerance))
        words = [self.keywords.index(event.word) for event in stream.events]
        speakers = [self._number(event.speaker) for event in stream.events]
        return _Run(smoothed, times, stream.events, words, speakers, speaker, free)

    def _number(self, speaker: str) -> int:
        if speaker not in self.speakers:
            self.speakers.append(speaker)
        return self.speakers.index(speaker)

    @property
    def events(self) -> int:
        """Keywords said in all."""
        return sum(len(run.events) for run in self._runs)

    def at(self, plan: DetectorPlan) -> Outcome:
        """What a detector with the thresholds of ``plan`` does."""
        total = Outcome.none(len(self.speakers), len(self.keywords))
        for run in self._runs:
            self._count(run, plan.decide(run.smoothed.astype(np.int64)), total)
        return total

    def _count(self, run: _Run, detections: list[Detection], total: Outcome) -> None:
        events = run.events
        starts = np.array([event.start for event in events])
        ends = np.array([event.end for event in events]) + self.tolerance
        hit: set[int] = set()
        for found in detections:
            time, word = run.times[found.inference], self.keywords.index(self.plan.labels[found.label])
            inside = np.flatnonzero((starts <= time) & (time <= ends)).tolist()
            same = [e for e in inside if run.event_words[e] == word]
            if fresh := [e for e in same if e not in hit]:
                hit.add(fresh[0])
                total.latencies.append(float(time - events[fresh[0]].end))
                total.hit_words.append(word)
            elif inside:
                e = (same or inside)[0]
                table = total.repeats if same else total.substitutions
                table[run.event_speakers[e], run.event_words[e]] += 1
            else:
                total.false_accepts[run.speaker[found.inference], word] += 1
        for e, (word, speaker) in enumerate(zip(run.event_words, run.event_speakers, strict=True)):
            (total.hits if e in hit else total.false_rejects)[speaker, word] += 1


def _hear(model: StreamModel, stream: LabelledStream) -> tuple[npt.NDArray[np.uint16], int, bytes]:
    """Smoothed posteriors, Q15 ``[inferences, classes]``, number of samples and SHA-256 of a stream, by pieces."""
    scores, digest, samples = ScoreStream(model), hashlib.sha256(), 0
    found = [np.zeros((0, len(model.plan.labels)), np.uint16)]
    for piece in stream.pieces():
        digest.update(np.ascontiguousarray(piece).tobytes())
        samples += len(piece)
        found.append(scores.push(piece).astype(np.uint16))
    digest.update(stream.truth())
    return np.concatenate(found), samples, digest.digest()
