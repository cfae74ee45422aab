"""The supernet: one set of weights, trained under per-layer sparsities that change from step to step.

After Yang et al. 2022 (Omni-sparsity DNN, arXiv 2110.08352): "sample many sub-networks of different sizes, whose
weights are shared and optimised jointly". Our reading where only the abstract was to be had: a sub-network is a
magnitude mask for each layer, taken anew from the shared weights; one sub-network a step (``one_pass``) explains the
paper's "no more than one singular model" of training; ``sandwich`` is the rule of US-Nets (Yu and Huang 2019, arXiv
1903.05134) with in-place distillation.

    forward:   y = f(x; W * stop_gradient(m(W, s)))     m: 1 for the round((1 - s_l) n_l) largest |w| of layer l
    gradient:  dL/dW = m * dL/d(W * m)                   so that only weights that took part are updated

The sub-network of step t is a function of the seed and t alone, and enters the graph as a tensor: nothing is traced
again.
"""

from __future__ import annotations

from collections.abc import Sequence

from kws_tfmot.keras import keras, tf
from kws_tfmot.search.omni.masked_kernels import MaskedKernels, space_of
from kws_tfmot.search.omni.omni_settings import OmniSettings
from kws_tfmot.search.omni.subnet_space import Space
from kws_tfmot.sparsity.patterns import Pattern
from kws_tfmot.training.trainer import LossTerm, StepHook, TrainedModel


def draw_levels(
    seed: int, step: tf.Tensor, number: int, space: Space, uniform_share: float, reach: int | None = None
) -> tf.Tensor:
    """Random int32 levels [layers] of the ``number``-th sub-network of ``step``; ``uniform_share`` have equal ones.

    In the others a layer's level is at most ``reach`` from one drawn for all of them; by default any.
    """
    draws = tf.random.stateless_uniform([len(space.layers) + 2], seed=[seed + 7919 * number, tf.cast(step, tf.int32)])
    same = tf.cast(draws[1:2] * len(space.grid), tf.int32)
    if reach is None:
        levels = tf.cast(draws[2:] * len(space.grid), tf.int32)
    else:
        levels = same + tf.cast(tf.floor(draws[2:] * (2 * reach + 1)), tf.int32) - reach
    return tf.clip_by_value(tf.where(draws[0] < uniform_share, same, levels), 0, space.top)


class Supernet(TrainedModel):
    """The training shell of a supernet; batch norm's running statistics follow the dense network.

    Args:
        network: The float model whose weights are shared.
        settings: Regime, grid, shares.
        seed: Of the sub-networks.
        steps: Steps of the whole training, for the warm-up.
        steps_per_epoch: Each epoch begins with a fresh ranking, so that a resumed training repeats it.
        loss_terms: As in :class:`~kws_tfmot.training.trainer.TrainedModel`.
        after_step: As there.
    """

    def __init__(
        self,
        network: keras.Model,
        settings: OmniSettings,
        seed: int,
        steps: int,
        steps_per_epoch: int,
        loss_terms: Sequence[LossTerm] = (),
        after_step: Sequence[StepHook] = (),
    ) -> None:
        super().__init__(network, loss_terms, after_step)
        self._settings = settings
        self._seed = seed % (1 << 30)  # with the numbers added to it within 32 bits
        self._steps_per_epoch = steps_per_epoch
        self._warmup = round(settings.warmup * steps)
        self._growth = round(settings.growth * steps)
        self._space = space_of(network, settings)
        self._masked = MaskedKernels(network, self._space, Pattern.parse(settings.pattern))

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One step of the regime; the metrics are those of the densest sub-network in it."""
        features, targets = data
        step = tf.cast(self.optimizer.iterations, tf.int32)
        tf.cond(self._is_due(step), self._rank, lambda: False)
        if self._settings.regime == "sandwich":
            gradients, probabilities = self._sandwich(features, targets, step)
        else:
            levels = self.levels_of_step(step)
            dense = tf.reduce_max(levels) == 0
            gradients, probabilities = self._gradients(features, targets, levels, dense)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        for hook in self._after_step:
            hook(self.optimizer)
        return self.compute_metrics(features, targets, probabilities, None)

    def levels_of_step(self, step: tf.Tensor) -> tf.Tensor:
        """one_pass: int32 levels [layers] that ``step`` trains."""
        settings, space = self._settings, self._space
        kind = tf.random.stateless_uniform([], seed=[self._seed + 104_729, tf.cast(step, tf.int32)])
        levels = draw_levels(self._seed, step, 0, space, settings.uniform_share, settings.reach)
        levels = tf.where(kind < settings.dense_share + settings.sparsest_share, space.top, levels)
        levels = tf.where((kind < settings.dense_share) | (step < self._warmup), 0, levels)
        return tf.minimum(levels, self.sparsest_of_step(step))

    def sparsest_of_step(self, step: tf.Tensor) -> tf.Tensor:
        """The highest level that ``step`` may draw, int32: 1 after the warm-up, the last one after the growth."""
        if not self._growth:
            return tf.constant(self._space.top)
        grown = (step - self._warmup) * self._space.top // self._growth
        return tf.clip_by_value(1 + grown, 1, self._space.top)

    def _is_due(self, step: tf.Tensor) -> tf.Tensor:
        return tf.equal(step % self._steps_per_epoch % self._settings.refresh, 0)

    def _rank(self) -> bool:
        self._masked.refresh()
        return True

    def _sandwich(self, features: tf.Tensor, targets: tf.Tensor, step: tf.Tensor) -> tuple[list[tf.Tensor], tf.Tensor]:
        settings, space = self._settings, self._space
        dense = tf.zeros([len(space.layers)], tf.int32)
        gradients, probabilities = self._gradients(features, targets, dense, tf.constant(True))
        soft = tf.stop_gradient(probabilities)
        soft = settings.distillation * soft + (1 - settings.distillation) * targets

        def others() -> list[tf.Tensor]:
            """Gradients summed over the dense, the sparsest and random sub-networks, these taught by the first."""
            total, sparsest = gradients, self.sparsest_of_step(step)
            chosen = [dense + sparsest]
            drawn = [
                draw_levels(self._seed, step, i, space, settings.uniform_share, settings.reach)
                for i in range(settings.random)
            ]
            chosen += [tf.minimum(levels, sparsest) for levels in drawn]
            for levels in chosen:
                found, _ = self._gradients(features, soft, levels, tf.constant(False))
                total = [a + b for a, b in zip(total, found, strict=True)]
            return total

        return tf.cond(step < self._warmup, lambda: gradients, others), probabilities

    def _gradients(
        self, features: tf.Tensor, targets: tf.Tensor, levels: tf.Tensor, dense: tf.Tensor
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        settings = self._settings
        masks = self._masked.masks(levels)
        with tf.GradientTape() as tape:
            kernels = [self._masked_kernel(x.kernel, m) for x, m in zip(self._masked.layers, masks, strict=True)]
            probabilities = self._run(features, kernels, levels, dense)
            loss = self.compute_loss(features, targets, probabilities, None)
            for term in self._loss_terms:
                loss += term(features, targets, probabilities)
        gradients = tape.gradient(loss, self.trainable_variables)
        if settings.decay:
            place = {id(variable): i for i, variable in enumerate(self.trainable_variables)}
            for layer, mask in zip(self._masked.layers, masks, strict=True):
                gradients[place[id(layer.kernel)]] += settings.decay * (1 - mask) * layer.kernel
        return gradients, probabilities

    def _masked_kernel(self, kernel: tf.Variable, mask: tf.Tensor) -> tf.Tensor:
        if self._settings.gradient == "masked":
            return kernel * mask
        return kernel + tf.stop_gradient(kernel * mask - kernel)

    def _run(self, features: tf.Tensor, kernels: list[tf.Tensor], levels: tf.Tensor, dense: tf.Tensor) -> tf.Tensor:
        # Running statistics serve the validation of the dense network alone; every sub-network gets its own later.
        own = next((x.momentum for x in self.network.layers if isinstance(x, keras.layers.BatchNormalization)), 0.9)
        momentum = tf.where(dense, own, 1.0)
        dropout: float | tf.Tensor = 1.0
        if self._settings.scale_dropout:
            weights = tf.constant(self._space.weights, tf.float32)
            kept = 1 - tf.gather(tf.constant(self._space.grid, tf.float32), levels)
            dropout = tf.reduce_sum(kept * weights) / tf.reduce_sum(weights)
        return self._masked.run(features, kernels, True, momentum, dropout)
