"""Settings of the training on stretches of a stream."""

from __future__ import annotations

import pydantic

from kws_tfmot.data.stretch_settings import SpeechSettings, StretchSettings
from kws_tfmot.settings import Settings
from kws_tfmot.sparsity.sparsity_settings import DistillationSettings


class WindowSettings(Settings):
    """Steps on single windows, drawn from anywhere in the stretches so far.

    Attributes:
        steps: An epoch.
        batch_size: Windows a step.
        keywords: Share of them that hold a keyword, each keyword equally often, each utterance of it too.
        hard: Share of the others that come from what the network was most wrong about.
        remembered: How many such windows there are.
        listened: Stretches in which they are looked for after every epoch.
    """

    steps: int = pydantic.Field(default=250, ge=1, le=100_000)
    batch_size: int = pydantic.Field(default=96, ge=4, le=4096)
    keywords: float = pydantic.Field(default=0.5, gt=0, lt=1)
    hard: float = pydantic.Field(default=0.4, ge=0, le=1)
    remembered: int = pydantic.Field(default=6000, ge=1, le=1_000_000)
    listened: int = pydantic.Field(default=1500, ge=1, le=1_000_000)


class WordClassSettings(Settings):
    """A second classifier beside the keyword's, left behind after training: which word just ended.

    A network that must tell hundreds of words apart hears more of a keyword than the sound that sets it off from most
    of them. (Learning tasks together, Caruana 1997; for voice triggers, with phones, Sigtia et al. 2020, arXiv
    2001.09519.)

    Attributes:
        weight: Of its loss.
        units: Of its hidden layer.
    """

    weight: float = pydantic.Field(default=1.0, gt=0, le=100)
    units: int = pydantic.Field(default=64, ge=1, le=4096)


class StreamTrainSettings(Settings):
    """Training on every decision of composed stretches, for a detector.

    Attributes:
        epochs: Epochs; each draws ``fresh`` new stretches and repeats ``replayed`` earlier ones.
        fresh: Stretches drawn anew each epoch.
        replayed: Stretches of earlier epochs seen again in an epoch.
        hard_negatives: How much more often a stretch in which the network was wholly wrong is seen again.
        batch_size: Stretches a step.
        windows: Steps on single windows in place of whole stretches: for short words, and where a network has more to
            learn than voices to overfit. ``replayed``, ``hard_negatives`` and ``batch_size`` then do not count.
        learning_rate: Peak rate, reached after one epoch; a cosine takes it down from there.
        final_rate: Share of it at the end. Little annealing keeps the network from learning synthetic voices by heart.
        negative_weights: One phase each, of equal length: weight of all decisions that are no keyword against all
            that are.
        word_classes: A second classifier, of every whole word. ``stretch.words_share`` lets it hear many.
        average: Decay of the moving average of the weights, a step.
        teachers: Networks that are trained first, each from other weights and on other stretches. The mean of their
            logits teaches the one that is kept: what one network alone accepts by chance, several do not, and one that
            has learnt from them neither (an ensemble's knowledge in one network, Hinton et al. 2015,
            arXiv 1503.02531). None where the training begins with given weights.
        teaching: How much it listens to them.
        either_front: Where 20 recordings of every keyword validate, train the network with the other value of
            ``model.local`` too; the one with it, which takes several times the cycles, is kept if it misses a quarter
            fewer of them or better. Not where training begins with given weights.
        temperature: What the logits are divided by once training is over (Guo et al. 2017, arXiv 1706.04599): the
            classifier's weights hold it, so it costs nothing. Softened scores keep their order where hard ones are all
            near 1, in the mean over decisions and in int8.
        after_ms: A window that ends within this range after the end of a keyword holds it.
        margin_ms: Around that range decisions are left open.
        validation: Stretches of held-out voices that choose the weights.
        false_accepts_per_hour: Target on them.
        threshold_stretches: Stretches without a keyword that choose the threshold.
        threshold_per_hour: False accepts an hour in them, by the tail of their scores.
        frequency_masks: Masks of up to six channels in a stretch, or in a window where windows train (SpecAugment, Park
            et al. 2019, arXiv 1904.08779).
        time_masks: Masks of up to 100 ms in a stretch, or in a window.
        processes: That compose stretches; results do not depend on it.
        speech: What is spoken.
        stretch: What the stretches are made of.
    """

    epochs: int = pydantic.Field(default=24, ge=3, le=1000)
    fresh: int = pydantic.Field(default=900, ge=32, le=100_000)
    replayed: int = pydantic.Field(default=2700, ge=0, le=100_000)
    hard_negatives: float = pydantic.Field(default=4.0, ge=0, le=1000)
    batch_size: int = pydantic.Field(default=32, ge=1, le=512)
    windows: WindowSettings | None = None
    learning_rate: float = pydantic.Field(default=3e-3, gt=0, le=1)
    final_rate: float = pydantic.Field(default=0.01, gt=0, le=1)
    negative_weights: tuple[float, ...] = pydantic.Field(default=(3.0, 10.0, 30.0), min_length=1)
    word_classes: WordClassSettings | None = None
    average: float = pydantic.Field(default=0.998, ge=0, lt=1)
    teachers: int = pydantic.Field(default=0, ge=0, le=20)
    teaching: DistillationSettings = DistillationSettings(temperature=4.0)
    either_front: bool = False
    temperature: float = pydantic.Field(default=1.0, ge=1.0, le=100.0)
    after_ms: tuple[int, int] = (20, 280)
    margin_ms: int = pydantic.Field(default=120, ge=0, le=1000)
    validation: int = pydantic.Field(default=1200, ge=100, le=100_000)
    false_accepts_per_hour: float = pydantic.Field(default=2.0, gt=0)
    threshold_stretches: int = pydantic.Field(default=1500, ge=100, le=100_000)
    threshold_per_hour: float = pydantic.Field(default=1.0, gt=0)
    frequency_masks: int = pydantic.Field(default=2, ge=0, le=10)
    time_masks: int = pydantic.Field(default=3, ge=0, le=50)
    processes: int = pydantic.Field(default=2, ge=1, le=64)
    speech: SpeechSettings = SpeechSettings()
    stretch: StretchSettings = StretchSettings()

    @pydantic.model_validator(mode="after")
    def _first_epoch_has_a_step(self) -> StreamTrainSettings:
        if not self.windows and self.batch_size > self.fresh:
            raise ValueError(
                f"expected batch_size of at most fresh={self.fresh}, all that the first epoch has, "
                f"got {self.batch_size}; set streams.batch_size={self.fresh} or a larger streams.fresh"
            )
        return self

    @pydantic.field_validator("negative_weights")
    @classmethod
    def _positive(cls, weights: tuple[float, ...]) -> tuple[float, ...]:
        if min(weights) <= 0:
            raise ValueError(f"expected weights above 0, got {weights}")
        return weights
