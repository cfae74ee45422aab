"""Settings of sparse training: a class for each method, distinguished by ``method``."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import pydantic

from kws_tfmot.settings import Settings
from kws_tfmot.sparsity.patterns import Pattern
from kws_tfmot.sparsity.rounds import Round, round_lengths
from kws_tfmot.sparsity.schedules import geometric_rounds

# Keys of the spelling before methods were named by what they do (see `group`)
_GONE = {
    "schedule": "the method says it: gradual, iterative (in rounds) or one_shot",
    "returns": "the method says it: pruned weights return with mask_regrowth and csp",
}

Allocation = Literal["layer", "global"]


def _check_pattern(text: str) -> str:
    Pattern.parse(text)
    return text


PatternText = Annotated[str, pydantic.AfterValidator(_check_pattern)]


class DistillationSettings(Settings):
    """Learning from the dense model while weights become zero (Hinton et al. 2015, arXiv 1503.02531).

    Attributes:
        weight: Of the term ``T^2 KL(dense || sparse)`` that is added to the cross-entropy.
        temperature: T; both models' probabilities become ``p^(1/T)``, normalised.
    """

    weight: float = pydantic.Field(default=1.0, gt=0.0, le=100.0)
    temperature: float = pydantic.Field(default=2.0, gt=0.0, le=20.0)


class SparsitySettings(Settings):
    """How weights are made zero: what every method takes.

    Attributes:
        method: ``tfmot_magnitude`` is TFMOT's gradual magnitude pruning; ``one_shot`` prunes once; ``l1`` trains under
            the L1 norm, then prunes once; ``gradual`` prunes along a cubic ramp; ``iterative`` in rounds;
            ``mask_regrowth`` lets pruned weights train on and return; ``csp`` is compressed-sensing pruning.
        target: Share of zeros at the end, 0 to 0.98: of every pruned kernel, or with ``allocation: global`` of all
            pruned kernels together. For an N:M pattern it must be (M-N)/M.
        pattern: ``unstructured``; ``N:M`` (N kept of M consecutive inputs); or blocks ``AxB`` (A output channels by B
            consecutive inputs, such as the device engine's ``1x4``). Layers that do not divide into blocks become
            unstructured, layers that do not divide into N:M groups stay dense; both are reported.
        epochs: Length of the sparse training, all rounds together.
        learning_rate: Peak learning rate, of every round anew.
        skip: Names of layers that stay dense.
        distillation: Learn from the dense model as well.
        shrink: Remove units that died and rebuild the smaller model (automatic model size).
    """

    method: str
    target: float = pydantic.Field(default=0.75, ge=0.0, le=0.98)
    pattern: PatternText = "unstructured"
    epochs: int = pydantic.Field(default=30, ge=1, le=10_000)
    learning_rate: float = pydantic.Field(default=2e-3, gt=0, le=10)
    skip: tuple[str, ...] = ()
    distillation: DistillationSettings | None = None
    shrink: bool = False

    @pydantic.model_validator(mode="before")
    @classmethod
    def _no_keys_of_other_methods(cls, values: Any) -> Any:
        """Refuse a key that other methods take, with what this one takes."""
        for key in values if isinstance(values, dict) else ():
            takers = [name for name, settings in METHODS.items() if key in settings.model_fields]
            if takers and key not in cls.model_fields:
                raise ValueError(
                    f"{cls._says()} has no {key}, which {', '.join(takers)} take{_s(takers)}. {cls._takes()}"
                )
            if key in _GONE:
                raise ValueError(f"{cls._says()} has no {key}: {_GONE[key]}. {cls._takes()}")
        return values

    @classmethod
    def _says(cls) -> str:
        return f"method={cls.model_fields['method'].default}"

    @classmethod
    def _takes(cls) -> str:
        return f"It takes {', '.join(sorted({*cls.model_fields} - {'method'}))}"

    def plan(self) -> list[Round]:
        """The trainings that make the zeros, one after the other."""
        raise NotImplementedError

    @pydantic.model_validator(mode="after")
    def _check_groups(self) -> SparsitySettings:
        only = self.parsed_pattern.sparsity
        if only is not None and abs(self.target - only) > 1e-9:
            raise ValueError(
                f"the pattern {self.pattern} gives a sparsity of {only:g}, not {self.target:g}; "
                f"set sparsity.target={only:g}"
            )
        if only is not None and self.resolved_allocation == "global":
            raise ValueError(
                f"the pattern {self.pattern} keeps the same share everywhere, allocation=global does not; "
                "set sparsity.allocation=layer"
            )
        if self.shrink and self.pattern != "unstructured":
            raise ValueError(
                f"removing units breaks the groups of the pattern {self.pattern}; "
                "set sparsity.shrink=false or sparsity.pattern=unstructured"
            )
        return self

    @property
    def parsed_pattern(self) -> Pattern:
        """The pattern as data."""
        return Pattern.parse(self.pattern)

    @property
    def resolved_allocation(self) -> Allocation:
        """How much each layer keeps: the same share, unless the method has one threshold over all of them."""
        return "layer"

    @property
    def looks_at_inputs(self) -> bool:
        """Whether the method judges a weight by what flows into its layer."""
        return False


class RampedSettings(SparsitySettings):
    """Methods whose zeros grow along a cubic ramp (Zhu and Gupta 2017, arXiv 1710.01878).

    Attributes:
        begin: Share of the training after which pruning begins.
        end: Share of the training at which the target is reached; what remains is fine-tuning with fixed masks.
        frequency: Steps between two updates of the masks.
    """

    begin: float = pydantic.Field(default=0.0, ge=0.0, lt=1.0)
    end: float = pydantic.Field(default=0.6, gt=0.0, le=1.0)
    frequency: int = pydantic.Field(default=20, ge=1, le=1_000_000)

    @pydantic.model_validator(mode="after")
    def _begins_before_it_ends(self) -> RampedSettings:
        if self.end <= self.begin:
            raise ValueError(f"expected begin < end, got begin={self.begin} and end={self.end}")
        return self

    def plan(self) -> list[Round]:
        """One training with the ramp."""
        return [Round(self.target, self.epochs, self.begin, self.end, self.frequency)]


class ReturningSettings(RampedSettings):
    """Methods whose pruned weights train on outside the mask and may return.

    Attributes:
        freeze: Share of the training at which the masks become fixed, ``end`` where it is not given. Between the two
            the target is held and weights still change places.
        decay: Of masked weights, which shrink by ``decay * learning rate`` of themselves in every step, so that only
            weights that keep growing return (SR-STE, Zhou et al. 2021, arXiv 2102.04010).
    """

    freeze: float | None = pydantic.Field(default=None, gt=0.0, le=1.0)
    decay: float = pydantic.Field(default=0.0, ge=0.0, le=100.0)

    @pydantic.model_validator(mode="after")
    def _ends_before_it_freezes(self) -> ReturningSettings:
        if self.freeze is not None and self.freeze < self.end:
            raise ValueError(f"expected end <= freeze, got end={self.end} and freeze={self.freeze}")
        return self

    def plan(self) -> list[Round]:
        """One training with the ramp; the masks are final at ``freeze``."""
        return [Round(self.target, self.epochs, self.begin, self.end, self.frequency, self.freeze)]


class AllocatedSettings(SparsitySettings):
    """Methods that may give each layer a sparsity of its own.

    Attributes:
        allocation: ``layer`` (every layer the same share) or ``global`` (one threshold over all layers); ``auto`` is
            layer for ``one_shot``, ``l1`` and N:M patterns, else global.
        floor: Least that a layer keeps under ``global``, as a share of what ``layer`` would leave it; 0 lets layers
            and units die freely, for ``shrink``.
        l1: Weight of the L1 norm: weights move ``l1 * learning rate`` towards zero after every step.
        observed_clips: Training clips whose activations are seen at each update, where these count.
    """

    own_allocation: ClassVar[Allocation] = "global"

    allocation: Literal["auto", "layer", "global"] = "auto"
    floor: float = pydantic.Field(default=0.7, ge=0.0, le=1.0)
    observed_clips: int = pydantic.Field(default=100, ge=10, le=10_000)

    @property
    def resolved_allocation(self) -> Allocation:
        """The allocation, with ``auto`` resolved (N:M patterns keep the same share everywhere)."""
        if self.allocation != "auto":
            return self.allocation
        return "layer" if self.parsed_pattern.kept else self.own_allocation


class RankedSettings(AllocatedSettings):
    """Methods that keep the most important weights.

    Attributes:
        criterion: How important a weight is: ``magnitude`` is ``|w|``; ``affine`` is ``|w| E|x|``, the weight
            importance of Xue et al. 2018, arXiv 1807.00560; ``deviation`` is ``|w| std(x)``.
    """

    criterion: Literal["magnitude", "affine", "deviation"] = "magnitude"

    @property
    def looks_at_inputs(self) -> bool:
        """Whether the criterion has the layers' inputs in it."""
        return self.criterion != "magnitude"


class TfmotMagnitude(RampedSettings):
    """TFMOT's gradual magnitude pruning (Zhu and Gupta 2017, arXiv 1710.01878), the same share in every layer."""

    method: Literal["tfmot_magnitude"] = "tfmot_magnitude"


class OneShot(RankedSettings):
    """The least important weights at once, then fine-tuning.

    Attributes:
        begin: Share of the training after which they go.
    """

    own_allocation: ClassVar[Allocation] = "layer"

    method: Literal["one_shot"] = "one_shot"
    begin: float = pydantic.Field(default=0.0, ge=0.0, lt=1.0)

    def plan(self) -> list[Round]:
        """One training, pruned at ``begin``."""
        return [Round(self.target, self.epochs, self.begin, self.begin)]


class L1(RankedSettings):
    """Training under the L1 norm, then the least important weights at once, then fine-tuning.

    Attributes:
        end: Share of the training at which they go.
    """

    own_allocation: ClassVar[Allocation] = "layer"

    method: Literal["l1"] = "l1"
    end: float = pydantic.Field(default=0.6, gt=0.0, le=1.0)
    l1: float = pydantic.Field(default=0.03, ge=0.0, le=10.0)

    def plan(self) -> list[Round]:
        """One training, pruned at ``end``: L1 needs time before the weights are chosen."""
        return [Round(self.target, self.epochs, self.end, self.end)]


class Gradual(RankedSettings, RampedSettings):
    """The least important weights along a cubic ramp; what is pruned stays pruned."""

    method: Literal["gradual"] = "gradual"
    l1: float = pydantic.Field(default=0.0, ge=0.0, le=10.0)


class Iterative(RankedSettings):
    """Prune at once, fine-tune, and again, each time from what the round before left.

    Attributes:
        rounds: How many rounds; each keeps the same share of what the one before left.
        max_accuracy_drop: Stop at the last round whose validation accuracy is at most this far (0 to 1) below the
            dense model's.
    """

    method: Literal["iterative"] = "iterative"
    rounds: int = pydantic.Field(default=4, ge=1, le=50)
    max_accuracy_drop: float | None = pydantic.Field(default=None, ge=0.0, le=1.0)
    l1: float = pydantic.Field(default=0.0, ge=0.0, le=10.0)

    @pydantic.model_validator(mode="after")
    def _check_rounds(self) -> Iterative:
        if self.parsed_pattern.sparsity is not None:
            raise ValueError(
                f"the pattern {self.pattern} has one sparsity, rounds need several; set sparsity.method=gradual"
            )
        if self.epochs < self.rounds:
            raise ValueError(f"expected at least an epoch for each of {self.rounds} rounds, got epochs={self.epochs}")
        return self

    def plan(self) -> list[Round]:
        """A training for each round; the last has half of the epochs, unless an accuracy may stop them.

        >>> [one.target for one in Iterative(target=0.9375).plan()]
        [0.5, 0.75, 0.875, 0.9375]
        """
        targets = geometric_rounds(self.target, self.rounds)
        lengths = round_lengths(self.epochs, self.rounds, equal=self.max_accuracy_drop is not None)
        return [Round(target, epochs, 0.0, 0.0) for target, epochs in zip(targets, lengths, strict=True)]


class MaskRegrowth(RankedSettings, ReturningSettings):
    """The least important weights along a cubic ramp; pruned ones train on straight through the mask and may return."""

    method: Literal["mask_regrowth"] = "mask_regrowth"
    l1: float = pydantic.Field(default=0.0, ge=0.0, le=10.0)


class CompressedSensing(AllocatedSettings, ReturningSettings):
    """Compressed-sensing pruning, CSP (Zhen et al. 2021, arXiv 2102.04932).

    Attributes:
        sensing: What the error of compression is measured with: ``inputs``, ``weights`` or ``random``.
        pull: How far an update moves the weights towards their sparse approximation, 0 to 1.
    """

    method: Literal["csp"] = "csp"
    sensing: Literal["inputs", "weights", "random"] = "inputs"
    pull: float = pydantic.Field(default=0.5, gt=0.0, le=1.0)
    l1: float = pydantic.Field(default=0.01, ge=0.0, le=10.0)

    @property
    def looks_at_inputs(self) -> bool:
        """Whether the metric is that of the layers' inputs."""
        return self.sensing == "inputs"


METHODS: dict[str, type[SparsitySettings]] = {
    settings.model_fields["method"].default: settings
    for settings in (TfmotMagnitude, OneShot, L1, Gradual, Iterative, MaskRegrowth, CompressedSensing)
}


def _s(names: list[str]) -> str:
    return "s" if len(names) == 1 else ""
