"""The term that a teacher adds, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from kws_tfmot.keras import keras, tf
from kws_tfmot.sparsity.sparsity_settings import DistillationSettings
from kws_tfmot.training.distillation import distillation_loss


def teacher(probabilities: np.ndarray) -> keras.Model:
    """Says the same of everything."""
    inputs = keras.Input((1,))
    rows = keras.layers.Lambda(lambda x: 0 * x + tf.constant(probabilities[None], tf.float32))(inputs)
    return keras.Model(inputs, rows)


def softened(p: np.ndarray, temperature: float) -> np.ndarray:
    raised = p ** (1 / temperature)
    return raised / raised.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("temperature", [1.0, 2.0, 5.0])
@pytest.mark.parametrize("weight", [0.3, 1.0])
def test_the_term_is_weight_times_squared_temperature_times_divergence(temperature: float, weight: float) -> None:
    p, q = np.array([0.7, 0.2, 0.1]), np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1]])
    term = distillation_loss(teacher(p), DistillationSettings(weight=weight, temperature=temperature))
    truth, found = softened(p, temperature), softened(q, temperature)
    expected = weight * temperature**2 * np.mean(np.sum(truth * np.log(truth / found), axis=-1))
    got = term(tf.zeros((2, 1)), tf.zeros((2, 3)), tf.constant(q, tf.float32)).numpy()
    assert got == pytest.approx(expected, rel=1e-5)


def test_a_student_that_says_the_same_pays_nothing() -> None:
    p = np.array([0.7, 0.2, 0.1])
    term = distillation_loss(teacher(p), DistillationSettings())
    assert term(tf.zeros((1, 1)), tf.zeros((1, 3)), tf.constant(p[None], tf.float32)).numpy() == pytest.approx(
        0, abs=1e-6
    )
