"""Misses of a model at rates of false accepts: the short form of a detector's worth, for tables of many models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kws_tfmot.data import ClipIndex
from kws_tfmot.detection.posterior import ONE
from kws_tfmot.evaluation.streaming.composed import StreamComposer, StreamSettings
from kws_tfmot.evaluation.streaming.det_curve import DetCurve
from kws_tfmot.evaluation.streaming.judging import Judge
from kws_tfmot.evaluation.streaming.product import operating_point
from kws_tfmot.evaluation.streaming.recordings_det import TARGETS
from kws_tfmot.evaluation.streaming.spotter import StreamModel
from kws_tfmot.progress import SILENT, Reporter


def misses_on_streams(
    model: StreamModel,
    index: ClipIndex,
    settings: StreamSettings,
    targets: Sequence[float] = TARGETS,
    reporter: Reporter = SILENT,
) -> dict[str, Any]:
    """Keywords missed on a stream of test speakers, at thresholds chosen on one of validation speakers; JSON-able.

    Args:
        model: The model.
        index: The data set that it was made for.
        settings: What both streams are like.
        targets: False accepts an hour that a threshold may have on the validation stream.
        reporter: Where progress goes.

    Returns:
        ``hours`` of each stream, ``n`` keywords in the test stream, ``stream_sha256``, and for each target (``"0.5"``)
        ``missed_at`` (a share, 0 to 1), ``missed_at_95`` (interval by speaker) and ``false_accepts_per_hour_at``, what
        the threshold gives on the test stream; ``None`` where no threshold meets the target. To compare models by,
        ``missed_at_best`` has the threshold chosen on the test stream itself, and ``missed_without_one_voice_at`` the
        same without the voice that raises it most: the few clips of a split are heard many times each, and one of
        another word that sounds like a keyword may set the threshold alone.

    Raises:
        DataError: A split has no keyword or no other word.
    """
    test, tune = (StreamComposer(index, split, settings) for split in ("test", "validation"))
    tuned = DetCurve.of(Judge(model, tune.pieces(), count=len(tune.sizes()), reporter=reporter), reporter)
    judge = Judge(model, test.pieces(), count=len(test.sizes()), reporter=reporter)
    curve = DetCurve.of(judge, reporter)
    found: dict[str, Any] = {"missed_at": {}, "missed_at_95": {}, "false_accepts_per_hour_at": {}, "threshold_at": {}}
    found |= {
        "missed_at_best": {f"{target:g}": curve.missed_at(target) for target in targets},
        "missed_without_one_voice_at": {f"{target:g}": curve.missed_without_one_voice(target) for target in targets},
    }
    for target in targets:
        threshold = tuned.threshold_for(target)
        point = {} if threshold is None else operating_point(judge, model.plan.with_threshold(threshold))
        name = f"{target:g}"
        found["missed_at"][name] = point.get("false_reject_rate")
        found["missed_at_95"][name] = point.get("false_reject_rate_95")
        found["false_accepts_per_hour_at"][name] = point.get("false_accepts_per_hour")
        found["threshold_at"][name] = None if threshold is None else threshold / ONE
    return found | {
        "n": judge.events,
        "speakers": len(judge.speakers) - 1,
        "hours": judge.total_hours,
        "stream_sha256": judge.sha256,
        "interpreter": model.runner.name,
    }
