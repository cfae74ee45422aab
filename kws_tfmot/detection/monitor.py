"""What a firmware counts and keeps of what it hears, off unless it is asked for; travels in no model."""

from __future__ import annotations

from dataclasses import dataclass

from kws_tfmot.detection.counters import BINS
from kws_tfmot.detection.detector import DetectorPlan
from kws_tfmot.detection.posterior import ONE
from kws_tfmot.errors import RecipeError
from kws_tfmot.frontend.frontend_settings import FrontendSettings

MOST_TAKES = 100
LONGEST_MS = 20_000
_TAKE_BYTES = 20  # what the device says of a take
_EXTRA_MS = 800  # a near miss is known only once its score has fallen again


@dataclass(frozen=True)
class MonitorPlan:
    """Counters, and a recorder of takes where ``takes`` is not 0, in whole numbers.

    Attributes:
        near: Q15 share of its threshold from which a keyword's score is near.
        takes: Takes that are kept.
        take_samples: Samples of a take at most.
        after_samples: Those after its event.
        rate: Samples a second.
    """

    near: int
    takes: int
    take_samples: int
    after_samples: int
    rate: int

    @classmethod
    def of(
        cls,
        plan: DetectorPlan,
        frontend: FrontendSettings,
        *,
        takes: int = 0,
        take_ms: int | None = None,
        after_ms: int = 200,
        near: float = 0.6,
    ) -> MonitorPlan:
        """The plan for one detector.

        Args:
            plan: The detector.
            frontend: Its front end.
            takes: Takes that are kept at once; 0 for counters alone.
            take_ms: Length of a take; by default the window, the moving average and 0.8 s.
            after_ms: How much of it comes after its event.
            near: Share of its threshold from which a keyword's score is near.

        Raises:
            RecipeError: For a number outside its range.
        """
        smoothing = (plan.window - 1) * plan.stride * frontend.hop_ms
        length = frontend.clip_ms + smoothing + _EXTRA_MS + after_ms if take_ms is None else take_ms
        for what, value, low, high in (("takes to keep", takes, 0, MOST_TAKES), ("ms a take", length, 100, LONGEST_MS),
                                       ("ms after an event", after_ms, 1, length)):  # fmt: skip
            if not low <= value <= high:
                raise RecipeError(f"expected {low} to {high} {what}. Received: {value}")
        if not 0 < near <= 1:
            raise RecipeError(f"expected a share of the threshold above 0 and up to 1 as near. Received: {near}")
        rate = frontend.sample_rate
        return cls(max(1, round(near * ONE)), takes, length * rate // 1000, after_ms * rate // 1000, rate)

    def statistics_bytes(self, classes: int) -> int:
        """RAM of the counters of so many classes, as ``kws_statistics_get_buffer_size`` says."""
        return classes * (4 * (2 + BINS) + 3)

    @property
    def recorder_bytes(self) -> int:
        """RAM of the recorder, as ``kws_recorder_get_buffer_size`` says; 0 where no takes are kept."""
        return (self.takes + 1) * (self.take_samples + _TAKE_BYTES) if self.takes else 0
