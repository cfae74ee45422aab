"""Two models as one detector: a small one that always listens, and a larger one that looks again at what it heard.

Where the first model detects a word, at frame F, the second one begins anew and decides on windows that end from
``before`` frames before F to ``after`` frames after it. The word is heard if the second model's own detector finds it
in one of them; detections of the first meanwhile are passed over. Both take the frames of one front end, and the second
makes at most ``a_hop`` inferences (or steps) a hop, so it may answer later than its last window ends. The firmware does
the same (``firmware_export/boards/cascade``), frame by frame. Two stages are the scheme of Gruenstein et al. (2017,
arXiv 1712.03603); when the second looks is our own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kws_tfmot.contract import ModelContract
from kws_tfmot.detection.detector import NEVER, DetectorPlan, Smoother
from kws_tfmot.detection.posterior import ONE
from kws_tfmot.detection.rearming import Rearming
from kws_tfmot.errors import ModelError, RecipeError
from kws_tfmot.evaluation.model_scores import Runnable
from kws_tfmot.evaluation.streaming.spotter import Heard, ScoreStream, Steps, StreamModel
from kws_tfmot.frontend import Frontend

MOST_MS = 5000


class CascadeMember(NamedTuple):
    """What a look has to know of a model: its promise, its detector, and how it is stepped (``None``: in windows)."""

    contract: ModelContract
    plan: DetectorPlan
    steps: Steps | None
    stateful: bool

    @classmethod
    def of(cls, model: StreamModel) -> CascadeMember:
        """That of an opened model."""
        return cls(model.contract, model.plan, model.steps, model.stateful)


@dataclass(frozen=True)
class LookPlan:
    """When the second model looks, in whole numbers.

    Attributes:
        before: Frames before a wake at which its first window may end.
        after: Frames after it at which its last window may end.
        first: Frames under its window, or those before its first decision where it is stepped.
        piece: Frames that it takes at once.
        stride: Frames from one decision to the next.
        stepped: Whether it is stepped.
        a_hop: Its inferences or steps a hop, at most.
        label_of: Its class for each class of the first model, ``NEVER`` for those that wake nothing.
    """

    before: int
    after: int
    first: int
    piece: int
    stride: int
    stepped: bool
    a_hop: int
    label_of: tuple[int, ...]

    @classmethod
    def of(
        cls, first: CascadeMember, second: CascadeMember, before_ms: int = 600, after_ms: int = 400, a_hop: int = 2
    ) -> LookPlan:
        """The plan for two models.

        Raises:
            ModelError: If their front ends differ in more than the window, or the second lacks a word of the first.
            RecipeError: For a time outside 0 to 5 s, or fewer than one or more than 100 inferences a hop.
        """
        one, other = (model.contract.frontend.model_dump(exclude={"clip_ms"}) for model in (first, second))
        if differing := [f"{key} {one[key]} and {other[key]}" for key in one if one[key] != other[key]]:
            raise ModelError(
                f"both models have to take the frames of one front end. Received: {'; '.join(differing)}.",
                "Build the second with the first one's group frontend; clip_ms may differ.",
            )
        for what, value, most in (("ms before", before_ms, MOST_MS), ("ms after", after_ms, MOST_MS)):
            if not 0 <= value <= most:
                raise RecipeError(f"expected 0 to {most} {what} a wake. Received: {value}")
        if not 1 <= a_hop <= 100:
            raise RecipeError(f"expected 1 to 100 inferences of the second model a hop. Received: {a_hop}")
        if second.stateful:
            raise ModelError(
                "the second model keeps a state of its own, which one look does not fill.",
                "Take a model of whole windows, or one that is streamed (--stream).",
            )
        labels = second.plan.labels
        if missing := [word for word in first.plan.keywords if word not in second.plan.keywords]:
            raise ModelError(
                f"the second model does not know {', '.join(map(repr, missing))}. It hears: "
                f"{', '.join(second.plan.keywords)}.",
                "Build it for every word of the first.",
            )
        hop_ms = first.contract.frontend.hop_ms
        frames = second.contract.frontend.frames
        start, piece = (second.steps.first, second.steps.rows) if second.steps else (frames, frames)
        words = tuple(
            NEVER if level == NEVER else labels.index(word)
            for word, level in zip(first.plan.labels, first.plan.thresholds, strict=True)
        )
        return cls(before_ms // hop_ms, after_ms // hop_ms, start, piece, second.plan.stride,
                   second.steps is not None, a_hop, words)  # fmt: skip

    @property
    def ring(self) -> int:
        """Frames that have to be kept: the second model never falls further behind than at its begin."""
        return self.first + self.before + self.stride + 1

    @property
    def inferences(self) -> int:
        """Inferences or steps of a look that finds nothing."""
        return (self.first // self.piece - 1 if self.stepped else 0) + (self.before + self.after) // self.stride + 1

    @property
    def frames(self) -> int:
        """How long a look that finds nothing lasts, if the second model keeps up."""
        return self.after + 1

    def ends(self, wake: int) -> range:
        """Frames that have come at each decision of a look at a wake at frame ``wake``."""
        begin = wake - self.before
        begin += max(0, -(-(self.first - begin) // self.stride)) * self.stride
        return range(begin, wake + self.after + 1, self.stride)

    def times(self, wake: int, end: int | None = None) -> list[int]:
        """The frame at whose hop each decision of a look is made, in a stream of ``end`` frames."""
        ends = self.ends(wake)
        warm_up = self.first // self.piece - 1 if self.stepped and len(ends) else 0
        due = [ends[0] - (warm_up - k) * self.piece for k in range(warm_up)] + list(ends)
        found: list[int] = []
        frame, spent = wake, 0
        for each in due:
            if each > frame or spent == self.a_hop:
                frame, spent = max(each, frame + (spent == self.a_hop)), 0
            spent += 1
            found.append(frame)
        return [frame for frame in found[warm_up:] if end is None or frame <= end]


class Look(NamedTuple):
    """What the second model makes of a wake.

    Attributes:
        wake: Frame of the first model's detection.
        label: Class of the first model that was detected.
        frames: Frame at whose hop each of the second model's decisions is made.
        smoothed: Its smoothed posteriors at each of them, Q15 ``[decisions, classes]``.
    """

    wake: int
    label: int
    frames: list[int]
    smoothed: npt.NDArray[np.int64]

    def agreed(self, plan: DetectorPlan, label: int) -> tuple[int, int] | None:
        """Frame and score of the first decision in which the detector ``plan`` finds its class ``label``."""
        found = plan.decide(self.smoothed, Rearming(len(plan.labels)))
        one = next((one for one in found if one.label == label), None)
        return None if one is None else (self.frames[one.inference], one.score)


class AgreedDetection(NamedTuple):
    """What both models heard: the frame at which it is said, the class of the first, the second's score in Q15."""

    frame: int
    label: int
    score: int


@dataclass(frozen=True)
class Cascade:
    """Two opened models that decide as one.

    Attributes:
        first: Always listens.
        second: Looks again.
        look: When.
    """

    first: StreamModel
    second: StreamModel
    look: LookPlan

    @classmethod
    def of(cls, first: StreamModel, second: StreamModel, **look: int) -> Cascade:
        """Two models with the times of :meth:`LookPlan.of`, which says what is refused."""
        return cls(first, second, LookPlan.of(CascadeMember.of(first), CascadeMember.of(second), **look))

    @property
    def contract(self) -> ModelContract:
        """What the first model promises."""
        return self.first.contract

    @property
    def runner(self) -> Runnable:
        """Who runs the second model."""
        return self.second.runner

    @property
    def sha256(self) -> str:
        """Of both files."""
        return f"{self.first.sha256[:12]}+{self.second.sha256[:12]}"

    @property
    def plan(self) -> DetectorPlan:
        """The first model's detector with the thresholds of the second, which are the ones to choose."""
        levels = self.second.plan.thresholds
        return replace(
            self.first.plan, thresholds=tuple(NEVER if k == NEVER else levels[k] for k in self.look.label_of)
        )

    @property
    def context_ms(self) -> int:
        """Near silence that a word in a short recording needs on either side: the longer of what each model needs.

        No more, so that figures compare with those of one model: front ends adapt to what they hear before a word.
        """
        hop = self.contract.frontend.hop_ms
        return max(
            model.contract.frontend.clip_ms + model.plan.window * model.plan.stride * hop
            for model in (self.first, self.second)
        )

    def agreements(self, looks: list[Look], plan: DetectorPlan) -> list[AgreedDetection]:
        """What is heard in a stream's looks with ``plan`` as the second model's detector."""
        found: list[AgreedDetection] = []
        busy = -1
        for look in looks:
            if look.wake <= busy:
                continue
            agreed = look.agreed(plan, self.look.label_of[look.label])
            if agreed:
                found.append(AgreedDetection(agreed[0], look.label, agreed[1]))
            busy = agreed[0] if agreed else (look.frames or [look.wake])[-1]
        return found

    def spot(self, samples: npt.NDArray[np.int16]) -> list[Heard]:
        """Everything that is heard in a whole stream."""
        stream = LookStream(self)
        return self.heard([*stream.push(samples), *stream.finish()])

    def heard(self, looks: list[Look]) -> list[Heard]:
        """What is heard in a stream's looks, with word, score and time."""
        settings = self.contract.frontend
        seconds = settings.hop_samples / settings.sample_rate
        before = settings.window_samples / settings.sample_rate - seconds
        return [
            Heard(one.frame * seconds + before, self.first.plan.labels[one.label], one.score / ONE, one.frame)
            for one in self.agreements(looks, self.second.plan)
        ]


class LookStream:
    """Looks at a stream that comes in pieces: at every wake, those too that come while another look goes on."""

    def __init__(self, cascade: Cascade) -> None:
        self._cascade = cascade
        self._scores = ScoreStream(cascade.first)
        self._state = Rearming(len(cascade.first.plan.labels))
        self._stream = Frontend(cascade.contract.frontend).stream()
        self._frames = np.zeros((0, cascade.contract.frontend.features_per_frame), np.int8)
        self._skipped = 0  # frames that are not kept any more
        self._wakes: list[tuple[int, int]] = []

    def push(self, samples: npt.NDArray[np.int16]) -> list[Look]:
        """Take int16 samples in any number; return the looks that they completed."""
        cascade, samples = self._cascade, np.ascontiguousarray(samples)
        self._frames = np.concatenate([self._frames, self._stream.push(samples)])
        found = cascade.first.plan.decide(self._scores.push(samples), self._state)
        self._wakes += [(cascade.first.frame_of(one.inference), one.label) for one in found]
        end = self._skipped + len(self._frames)
        done = [wake for wake in self._wakes if all(time <= end for time in cascade.look.times(wake[0]))]
        self._wakes = [wake for wake in self._wakes if wake not in done]
        looks = [self._look(*wake, end) for wake in done]
        oldest = min([end, *(wake for wake, _ in self._wakes)]) - cascade.look.ring
        if (free := oldest - self._skipped) > 0:
            self._frames, self._skipped = self._frames[free:], self._skipped + free
        return looks

    def finish(self) -> list[Look]:
        """The looks that the stream's end cuts short."""
        end = self._skipped + len(self._frames)
        looks = [self._look(*wake, end) for wake in self._wakes]
        self._wakes = []
        return looks

    def _look(self, wake: int, label: int, end: int) -> Look:
        second, look = self._cascade.second, self._cascade.look
        times = look.times(wake, end)
        ends = [last - self._skipped for last in look.ends(wake)][: len(times)]
        if not ends:
            return Look(wake, label, [], np.zeros((0, len(second.plan.labels)), np.int64))
        if look.stepped:
            rows = self._frames[ends[0] - look.first : ends[-1]]
            pieces = rows.reshape(-1, look.piece, rows.shape[1])
        else:
            pieces = np.stack([self._frames[last - look.piece : last] for last in ends])
        second.reset()
        return Look(wake, label, times, Smoother(second.plan).push(second.infer(pieces)))


class LookTally:
    """Counts of what a cascade hears at many thresholds of its second model, as :class:`~.tally.Tally` counts.

    The first operating point is the second model's own thresholds; at all of them the first model keeps its own.
    ``wakes`` counts the first model's detections.
    """

    def __init__(self, cascade: Cascade, thresholds: Iterable[int], owners: int) -> None:
        self._cascade = cascade
        plan = cascade.second.plan
        self._plans = [plan, *(plan.with_threshold(threshold) for threshold in thresholds)]
        self._keywords = [cascade.first.plan.labels.index(word) for word in cascade.first.plan.keywords]
        self.counts = np.zeros((owners, len(self._plans), len(self._keywords)), np.int32)
        self.wakes = 0

    def add(self, owner: int, pieces: Iterable[list[Look]]) -> None:
        """Take all looks of a recording, in pieces."""
        looks = [look for piece in pieces for look in piece]
        self.wakes += len(looks)
        for place, plan in enumerate(self._plans if looks else []):
            for one in self._cascade.agreements(looks, plan):
                self.counts[owner, place, self._keywords.index(one.label)] += 1

    def finish(self) -> npt.NDArray[np.int32]:
        """:attr:`counts`."""
        return self.counts
