"""The optimiser and learning-rate schedule that :class:`TrainSettings` describe."""

from __future__ import annotations

from kws_tfmot.keras import keras
from kws_tfmot.training.training_settings import TrainSettings


def make_optimizer(settings: TrainSettings, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """AdamW or SGD under linear warm-up and cosine decay.

    The rate at step t is ``lr * t / w`` for t < w, then
    ``lr * (f + (1 - f) * (1 + cos(pi * (t - w) / (T - w))) / 2)`` with w warm-up steps, T steps in all and f the
    final share.
    """
    warmup = round(settings.warmup_epochs * steps_per_epoch)
    decay = max(1, settings.epochs * steps_per_epoch - warmup)
    peak = settings.learning_rate
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else peak, decay, alpha=settings.final_share, warmup_target=peak if warmup else None,
        warmup_steps=warmup,
    )  # fmt: skip
    if settings.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(schedule, momentum=0.9, nesterov=True, weight_decay=settings.weight_decay)
    else:
        optimizer = keras.optimizers.AdamW(schedule, weight_decay=settings.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
