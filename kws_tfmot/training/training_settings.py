"""Settings of the training loop."""

from __future__ import annotations

from typing import Any, Literal

import pydantic

from kws_tfmot.settings import Settings


class TrainSettings(Settings):
    """One training run.

    Attributes:
        epochs: Passes over the (freshly drawn) training set.
        batch_size: Clips a step.
        optimizer: ``adamw`` (decoupled weight decay) or ``sgd`` (Nesterov momentum 0.9).
        learning_rate: Peak rate, reached after the warm-up; a cosine then takes it to ``final_share`` of it.
        warmup_epochs: Epochs of linear warm-up from zero (may be a fraction); where the default is more than
            ``epochs``, a quarter of them.
        final_share: Last learning rate as a share of the peak.
        weight_decay: Decoupled decay of kernels; biases and batch norm are exempt.
        label_smoothing: Share of the target spread over all classes.
        average: Decay a step of the moving average of the weights, which is validated and kept in their place; 0 for
            none. Dense and sparse training have it, quantisation-aware training has not.
        select: Which weights are kept: the ``last``, those of the ``best`` validation accuracy, or with the fewest
            ``false_rejects`` of keywords among the validation clips (the lower loss decides a tie). With some hundred
            validation clips the best of many epochs is luck: it lay 3 points below the last on the flagship's test.
        false_accepts: For ``false_rejects``: share of the validation clips of other words and silence that may be
            accepted as a keyword.
    """

    epochs: int = pydantic.Field(default=40, ge=1, le=10_000)
    batch_size: int = pydantic.Field(default=100, ge=1, le=4096)
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = pydantic.Field(default=4e-3, gt=0, le=10)
    warmup_epochs: float = pydantic.Field(default=2.0, ge=0)
    final_share: float = pydantic.Field(default=0.01, ge=0, le=1)
    weight_decay: float = pydantic.Field(default=1e-3, ge=0, le=1)
    label_smoothing: float = pydantic.Field(default=0.1, ge=0, lt=1)
    average: float = pydantic.Field(default=0.0, ge=0, lt=1)
    select: Literal["best", "false_rejects", "last"] = "last"
    false_accepts: float = pydantic.Field(default=0.01, ge=0, le=1)

    @pydantic.model_validator(mode="before")
    @classmethod
    def _short(cls, values: Any) -> Any:
        epochs = values.get("epochs") if isinstance(values, dict) and "warmup_epochs" not in values else None
        return (
            values
            if epochs is None
            else {**values, **fitting_warmup(epochs, cls.model_fields["warmup_epochs"].default)}
        )

    @pydantic.model_validator(mode="after")
    def _warmup_fits(self) -> TrainSettings:
        if self.warmup_epochs > self.epochs:
            raise ValueError(f"expected warmup_epochs of at most epochs={self.epochs}, got {self.warmup_epochs}")
        return self


def fitting_warmup(epochs: Any, warmup: Any) -> dict[str, float]:
    """``warmup_epochs`` for a training made shorter than its warm-up: a quarter of it; nothing where it fits.

    >>> fitting_warmup(1, 2.0), fitting_warmup(40, 2.0)
    ({'warmup_epochs': 0.25}, {})
    """
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (epochs, warmup))
    return {"warmup_epochs": epochs / 4} if numbers and 0 < epochs < warmup else {}
