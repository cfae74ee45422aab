"""Learning from the dense model while weights become zero (Hinton et al. 2015, arXiv 1503.02531)."""

from __future__ import annotations

from kws_tfmot.keras import keras, tf
from kws_tfmot.sparsity.sparsity_settings import DistillationSettings
from kws_tfmot.training.trainer import LossTerm


def distillation_loss(teacher: keras.Model, settings: DistillationSettings) -> LossTerm:
    """The term ``weight * T^2 * mean KL(p_T || q_T)`` with ``p_T = p^(1/T) / sum p^(1/T)`` of teacher and student.

    Probabilities raised to ``1/T`` and normalised are the softmax of logits over T, so the models may end in their
    softmax.

    Args:
        teacher: From the same features to probabilities; it is not trained.
        settings: Weight and temperature.
    """
    temperature = settings.temperature

    def softened(probabilities: tf.Tensor) -> tf.Tensor:
        """``log softmax(z / T)`` of probabilities ``softmax(z)``, ``[n, classes]``."""
        logs = tf.math.log(tf.clip_by_value(probabilities, 1e-7, 1.0)) / temperature
        return logs - tf.reduce_logsumexp(logs, axis=-1, keepdims=True)

    def term(features: tf.Tensor, _: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
        """``weight T^2 KL(teacher || student)``, both softened by T, mean over the batch (arXiv:1503.02531)."""
        truth = tf.stop_gradient(softened(teacher(features, training=False)))
        divergence = tf.reduce_sum(tf.exp(truth) * (truth - softened(probabilities)), axis=-1)
        return settings.weight * temperature**2 * tf.reduce_mean(divergence)

    return term
