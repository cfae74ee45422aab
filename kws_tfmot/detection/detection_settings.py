"""Settings of the detector: when a stream of scores becomes a detection."""

from __future__ import annotations

import pydantic

from kws_tfmot.settings import Settings


class DetectionSettings(Settings):
    """How the scores of successive windows become detections; travels in the model, so that all sides use the same.

    Times are rounded to whole frames and inferences (:class:`~kws_tfmot.detection.detector.DetectorPlan`).

    Attributes:
        threshold: Smoothed posterior, 0 to 1, from which a keyword counts as heard.
        thresholds: Thresholds of single keywords in place of ``threshold``.
        release: Share of its threshold that a keyword's score must fall below before it can be heard again.
        smoothing_ms: Length of the moving average over posteriors.
        refractory_ms: Least time from a detection to the next one of the same keyword.
        stride_ms: Time from one inference to the next; a network that streams may decide more often.
    """

    threshold: float = pydantic.Field(default=0.8, gt=0.0, le=1.0)
    thresholds: dict[str, float] = {}
    release: float = pydantic.Field(default=0.5, gt=0.0, le=1.0)
    smoothing_ms: int = pydantic.Field(default=300, ge=1, le=10_000)
    refractory_ms: int = pydantic.Field(default=1000, ge=0, le=60_000)
    stride_ms: int = pydantic.Field(default=100, ge=1, le=1000)

    @pydantic.field_validator("thresholds")
    @classmethod
    def _check_thresholds(cls, thresholds: dict[str, float]) -> dict[str, float]:
        for word, value in thresholds.items():
            if not 0.0 < value <= 1.0:
                raise ValueError(f"expected thresholds above 0 and up to 1, got {word}: {value}")
        return thresholds
