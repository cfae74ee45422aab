"""What a model is worth as a product: its DET curve, one operating point in detail, and its accuracy under noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kws_tfmot.data import ClipIndex
from kws_tfmot.detection.detector import NEVER, DetectorPlan
from kws_tfmot.detection.posterior import ONE
from kws_tfmot.errors import DataError
from kws_tfmot.evaluation.streaming.composed import StreamComposer, StreamSettings
from kws_tfmot.evaluation.streaming.det_curve import DetCurve, as_list, finite, ratio_interval
from kws_tfmot.evaluation.streaming.judging import Judge, Outcome
from kws_tfmot.evaluation.streaming.spotter import StreamModel
from kws_tfmot.evaluation.streaming.truth import labelled_recordings
from kws_tfmot.evaluation.streaming.under_noise import accuracy_under_noise
from kws_tfmot.progress import SILENT, Reporter

ENOUGH = 3
"""False accepts that the target should amount to in the stream that the threshold is chosen on."""


@dataclass(frozen=True, eq=False)
class StreamEvaluation:
    """A model on streams of known truth.

    Attributes:
        curve: The DET curve.
        threshold: Q15; chosen for the target, or the model's own where no threshold meets it.
        figures: Everything, JSON-able; ``own`` is the operating point at the model's own thresholds, ``chosen`` the
            one at the threshold chosen for the target, ``None`` where none meets it.
    """

    curve: DetCurve
    threshold: int | None
    figures: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return self.figures


def evaluate_composed(
    model: StreamModel,
    index: ClipIndex,
    settings: StreamSettings,
    *,
    split: str = "test",
    tune: str = "validation",
    per_hour: float = 0.5,
    snr_db: Sequence[float] = (),
    reporter: Reporter = SILENT,
) -> StreamEvaluation:
    """Judge ``model`` on a stream composed of the clips of ``split``; choose its threshold on those of ``tune``.

    Args:
        model: The model.
        index: The data set; its speakers are kept apart by split.
        settings: What the streams are like.
        split: Whose clips the figures refer to.
        tune: Whose clips the threshold is chosen on; ``split`` itself makes the operating point optimistic.
        per_hour: False accepts an hour that the threshold may have.
        snr_db: Ratios for the accuracy of single clips under noise; none when empty.
        reporter: Where progress goes.

    Raises:
        DataError: If the data set does not fit the model, or a split has no keyword or no other word.
    """
    if index.labels != model.contract.labels:
        raise DataError(
            f"the data set has the classes {', '.join(index.labels)}, the model {', '.join(model.contract.labels)}.",
            "Give the data that belong to the model.",
        )
    composer = StreamComposer(index, split, settings)
    judge = Judge(model, composer.pieces(), count=len(composer.sizes()), reporter=reporter)
    curve = DetCurve.of(judge, reporter)
    tuned = curve
    if tune != split:
        other = StreamComposer(index, tune, settings)
        tuned = DetCurve.of(Judge(model, other.pieces(), count=len(other.sizes()), reporter=reporter), reporter)
    about: dict[str, Any] = {
        "source": index.source,
        "split": split,
        "split_sha256": index.split_sha256(split),
        "composed_of": composer.sources(),
        "stream": settings.model_dump(mode="json"),
        "notes": list(index.notes),
    }
    if snr_db:
        about["under_noise"] = accuracy_under_noise(model, index, split, snr_db, settings.seed, reporter)
    return _report(model, judge, curve, tuned, tune, per_hour, about)


def evaluate_recordings(
    model: StreamModel, paths: Sequence[str | Path], *, per_hour: float = 0.5, reporter: Reporter = SILENT
) -> StreamEvaluation:
    """Judge ``model`` on recordings with a label track beside each.

    The threshold for the target is chosen on the same recordings, so that operating point is optimistic; the one at
    the model's own thresholds is not.

    Raises:
        DataError: As :func:`~kws_tfmot.evaluation.streaming.truth.labelled_recordings`.
    """
    keywords = [label for label, value in zip(model.plan.labels, model.plan.thresholds, strict=True) if value != NEVER]
    streams = labelled_recordings(paths, keywords, model.contract.frontend.sample_rate)
    judge = Judge(model, streams, count=len(streams), reporter=reporter)
    curve = DetCurve.of(judge, reporter)
    about = {"source": "recordings: " + ", ".join(map(str, paths)), "notes": []}
    return _report(model, judge, curve, curve, "the same recordings", per_hour, about)


def _report(
    model: StreamModel,
    judge: Judge,
    curve: DetCurve,
    tuned: DetCurve,
    tuned_on: str,
    per_hour: float,
    about: dict[str, Any],
) -> StreamEvaluation:
    threshold = tuned.threshold_for(per_hour)
    notes = list(about["notes"])
    if (expected := per_hour * float(tuned.hours.sum())) < ENOUGH:
        notes.append(
            f"the target is {expected:.2g} false accepts in the stream that the threshold was chosen on; a stream of "
            f"fewer than {ENOUGH} tells little"
        )
    chosen = None
    if threshold is not None:
        chosen = operating_point(judge, model.plan.with_threshold(threshold))
        chosen |= {"tuned_on": tuned_on, "tuned_hours": float(tuned.hours.sum())}
    figures = about | {
        "notes": notes,
        "model_sha256": model.sha256,
        "interpreter": model.runner.name,
        "detection": model.contract.detection.model_dump(mode="json"),
        "stream_sha256": judge.sha256,
        "hours": judge.total_hours,
        "hours_without_keywords": float(judge.hours.sum()),
        "keywords": judge.events,
        "speakers": len(judge.speakers) - 1,
        "tolerance_s": judge.tolerance,
        "target_false_accepts_per_hour": per_hour,
        "own": operating_point(judge, model.plan),
        "chosen": chosen,
        "det": curve.points(),
    }
    return StreamEvaluation(curve, threshold, figures)


def operating_point(judge: Judge, plan: DetectorPlan) -> dict[str, Any]:
    """What a detector with the thresholds of ``plan`` does, JSON-able, with 95 % intervals by speaker."""
    outcome = judge.at(plan)
    said = outcome.hits + outcome.false_rejects
    accepts, rejects, events = outcome.false_accepts, outcome.false_rejects, int(said.sum())
    hours = float(judge.hours.sum())
    latencies = np.array(outcome.latencies)
    return {
        "thresholds": {
            label: value / ONE for label, value in zip(plan.labels, plan.thresholds, strict=True) if value != NEVER
        },
        "false_accepts": int(accepts.sum()),
        "false_accepts_per_hour": finite(accepts.sum() / hours if hours else math.nan),
        "false_accepts_per_hour_95": as_list(ratio_interval(accepts.sum(axis=1).astype(float), judge.hours)),
        "false_accepts_in_background": int(accepts[0].sum()),
        "n": events,
        "false_rejects": int(rejects.sum()),
        "false_reject_rate": finite(rejects.sum() / events if events else math.nan),
        "false_reject_rate_95": as_list(
            ratio_interval(rejects.sum(axis=1).astype(float), said.sum(axis=1).astype(float))
        ),
        "substitutions": int(outcome.substitutions.sum()),
        "repeats": int(outcome.repeats.sum()),
        "latency_s": _latency(latencies),
        "per_keyword": _per_keyword(judge, outcome, hours),
        "per_speaker": {
            speaker: {
                "n": int(said[i].sum()),
                "false_rejects": int(rejects[i].sum()),
                "false_accepts": int(accepts[i].sum()),
            }
            for i, speaker in enumerate(judge.speakers)
            if i
        },
    }


def _per_keyword(judge: Judge, outcome: Outcome, hours: float) -> dict[str, dict[str, Any]]:
    words = np.array(outcome.hit_words, np.int64)
    latencies = np.array(outcome.latencies)
    rows = {}
    for k, word in enumerate(judge.keywords):
        n = int((outcome.hits + outcome.false_rejects)[:, k].sum())
        missed, wrong = int(outcome.false_rejects[:, k].sum()), int(outcome.false_accepts[:, k].sum())
        rows[word] = {
            "n": n,
            "false_rejects": missed,
            "false_reject_rate": missed / n if n else None,
            "false_accepts": wrong,
            "false_accepts_per_hour": wrong / hours if hours else None,
            "latency_s": _latency(latencies[words == k]),
        }
    return rows


def _latency(seconds: np.ndarray) -> dict[str, float] | None:
    if not len(seconds):
        return None
    median, most = np.percentile(seconds, [50, 90])
    return {"median": float(median), "p90": float(most)}
