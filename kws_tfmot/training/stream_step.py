"""One optimiser step of the training on streams: the loss over every decision, and the teacher's part in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from kws_tfmot.data.labels import NOT_KEYWORDS
from kws_tfmot.keras import keras, tf
from kws_tfmot.sparsity.sparsity_settings import DistillationSettings
from kws_tfmot.training.word_head import WordHead


class Teacher(NamedTuple):
    """Who teaches, and how much it is listened to.

    Attributes:
        networks: Of one window, or over a stretch: features to logits ``[decisions, classes]``; the mean of their
            logits is what they say.
        settings: Weight and temperature.
    """

    networks: tuple[keras.Model, ...]
    settings: DistillationSettings


class _Decisions(NamedTuple):
    """Which decisions hold a keyword, hold none, or are left open: float ``[N, decisions]`` each."""

    holds: Any
    lacks: Any
    open: Any

    def mean(self, values: Any, weight: Any) -> Any:
        """``(mean over holds + w mean over lacks) / (1 + w)`` of ``values [N, decisions]``."""
        return (_mean(values, self.holds) + weight * _mean(values, self.lacks)) / (1.0 + weight)


def make_step(
    network: keras.Model,
    optimizer: Any,
    classes: int,
    after_step: Sequence[Callable[[Any], None]] = (),
    teacher: Teacher | None = None,
    head: WordHead | None = None,
) -> Callable[[Any, Any, Any, Any], tuple[Any, Any]]:
    """``step(features, targets, words, w)``: one optimiser step; its loss, and each stretch's highest wrong score.

    The loss is ``(mean_p CE + w mean_n CE) / (1 + w)`` over decisions that hold a keyword (p) and that hold none (n),
    for which other words and silence count as one class; a teacher adds the same of ``a T^2 KL(teacher_T || own_T)``
    and its mean over open decisions (Hinton et al. 2015, arXiv 1503.02531), a ``head`` its own.
    """
    keywords = classes - NOT_KEYWORDS

    def loss_of(features: Any, targets: Any, words: Any, weight: Any) -> tuple[Any, Any]:
        """The loss of a batch of stretches, and each one's highest score where no keyword is."""
        logits, rows = head.network(features, training=True) if head else (network(features, training=True), None)
        logs = tf.nn.log_softmax(logits)
        own = tf.gather(logs, tf.maximum(targets, 0), batch_dims=2)
        none = tf.reduce_logsumexp(logs[..., keywords:], axis=-1)
        groups = _Decisions(
            tf.cast((targets >= 0) & (targets < keywords), tf.float32),
            tf.cast(targets >= keywords, tf.float32),
            tf.cast(targets < 0, tf.float32),
        )
        loss = groups.mean(tf.where(targets < keywords, -own, -(0.9 * none + 0.1 * own)), weight)
        if teacher:
            divergence = _divergence(teacher, features, logits)
            loss += groups.mean(divergence, weight) + _mean(divergence, groups.open)
        if head:
            loss += head.loss(rows, words)
        return loss, tf.reduce_max(groups.lacks * (1.0 - tf.exp(none)), axis=1)

    @tf.function
    def step(features: Any, targets: Any, words: Any, weight: Any) -> tuple[Any, Any]:
        """One step of the optimiser on a batch, and what follows each."""
        own, beside = network.trainable_variables, head.variables if head else []
        with tf.GradientTape() as tape:
            loss, worst = loss_of(features, targets, words, weight)
        gradients = tape.gradient(loss, [*own, *beside])
        optimizer.apply_gradients(zip(gradients[: len(own)], own, strict=True))
        if head:
            head.optimizer.apply_gradients(zip(gradients[len(own) :], beside, strict=True))
        for follow in after_step:
            follow(optimizer)
        return loss, worst

    return lambda features, targets, words, weight: step(
        tf.constant(features), tf.constant(targets), tf.constant(words), tf.constant(np.float32(weight))
    )


def _divergence(teacher: Teacher, features: Any, logits: Any) -> Any:
    """``weight * T^2 * KL`` of every decision."""
    temperature = teacher.settings.temperature
    said = tf.add_n([network(features, training=False) for network in teacher.networks]) / len(teacher.networks)
    truth = tf.stop_gradient(tf.nn.log_softmax(said / temperature))
    given = tf.nn.log_softmax(logits / temperature)
    divergence = tf.reduce_sum(tf.exp(truth) * (truth - given), axis=-1)
    return teacher.settings.weight * temperature**2 * divergence


def _mean(values: Any, chosen: Any) -> Any:
    return tf.reduce_sum(values * chosen) / tf.maximum(tf.reduce_sum(chosen), 1.0)
