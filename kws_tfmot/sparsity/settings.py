"""Settings of sparse training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pydantic

from kws_tfmot.errors import did_you_mean
from kws_tfmot.settings import Settings
from kws_tfmot.sparsity.patterns import Pattern

Schedule = Literal["gradual", "rounds", "one_shot"]


@dataclass(frozen=True)
class _Kind:
    """What ``auto`` means for a method, and which of the methods' own settings it takes."""

    schedule: Schedule
    schedules: tuple[Schedule, ...]
    allocation: Literal["layer", "global"]
    takes: frozenset[str]


_OURS: tuple[Schedule, ...] = ("gradual", "rounds", "one_shot")
_CHOSEN = frozenset({"criterion", "allocation", "l1"})
_CSP = frozenset({"allocation", "l1", "sensing", "pull", "freeze", "decay"})
_KINDS = {
    "magnitude": _Kind("gradual", ("gradual",), "layer", frozenset()),
    "one_shot": _Kind("one_shot", ("one_shot",), "layer", _CHOSEN - {"l1"}),
    "l1": _Kind("one_shot", ("one_shot",), "layer", _CHOSEN),
    "weight_importance": _Kind("gradual", _OURS, "global", _CHOSEN | {"returns", "freeze", "decay"}),
    "csp": _Kind("gradual", ("gradual",), "global", _CSP),
}
METHODS = tuple(_KINDS)
_L1 = {"l1": 0.03, "csp": 0.01}
_OWN = tuple(sorted(frozenset().union(*(kind.takes for kind in _KINDS.values()))))


def for_method(sparsity: dict[str, Any], method: str) -> dict[str, Any]:
    """Values of a recipe's group ``sparsity`` without those that ``method`` has no use for.

    Another method is named to try it in place of the recipe's, whose own settings would then be refused.

    >>> for_method({"method": "weight_importance", "target": 0.9, "returns": True, "decay": 2}, "csp")
    {'method': 'weight_importance', 'target': 0.9, 'decay': 2}
    """
    kind = _KINDS.get(method)
    if kind is None or sparsity.get("method", "magnitude") == method:
        return sparsity
    return {key: value for key, value in sparsity.items() if key not in _OWN or key in kind.takes}


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
    """How weights are made zero.

    Attributes:
        method: ``magnitude``: TFMOT's gradual magnitude pruning (Zhu and Gupta 2017, arXiv 1710.01878).
            ``one_shot``: the least important weights at once, then fine-tuning.
            ``l1``: training under the L1 norm until ``end``, then as ``one_shot``.
            ``weight_importance``: Xue et al. 2018, arXiv 1807.00560.
            ``csp``: compressed-sensing pruning, Zhen et al. 2021, arXiv 2102.04932.
        target: Share of zeros at the end, 0 to 0.98: of every pruned kernel, or with ``allocation: global`` of all
            pruned kernels together. For an N:M pattern it must be (M-N)/M.
        pattern: ``unstructured``; ``N:M`` (N kept of M consecutive inputs); or blocks ``AxB`` (A output channels by B
            consecutive inputs, such as the device engine's ``1x4``). Layers that do not divide into blocks become
            unstructured, layers that do not divide into N:M groups stay dense; both are reported.
        epochs: Length of the sparse training, all rounds together.
        begin: Share of it after which pruning begins.
        end: Share of it at which the target is reached; what remains is fine-tuning with fixed masks.
        freeze: Share of it at which the masks become fixed, ``end`` where it is not given. Between the two the target
            stands and weights still change places; for methods whose weights return.
        frequency: Steps between two updates of the masks.
        learning_rate: Peak learning rate, of every round anew.
        skip: Names of layers that stay dense.
        schedule: ``gradual`` (cubic ramp), ``rounds`` (prune at once, fine-tune, again), ``one_shot``; ``auto`` is
            the method's own.
        rounds: How many rounds; each keeps the same share of what the one before left.
        max_accuracy_drop: Stop at the last round whose validation accuracy is at most this far (0 to 1) below the
            dense model's; with ``schedule: rounds`` only.
        criterion: ``affine`` is ``|w| E|x|``, ``deviation`` is ``|w| std(x)``, ``magnitude`` is ``|w|``; ``auto`` is
            affine for ``weight_importance`` and magnitude for the others.
        returns: Pruned weights go on training although masked and may return until the masks are final
            (``weight_importance`` with ``schedule: gradual``; ``csp`` always does).
        decay: Of masked weights, which shrink by ``decay * learning rate`` of themselves in every step
            (SR-STE, Zhou et al. 2021, arXiv 2102.04010); for methods whose weights return.
        allocation: ``layer`` (every layer the same share) or ``global`` (one threshold over all layers); ``auto`` is
            the method's own.
        floor: Least that a layer keeps under ``global``, as a share of what ``layer`` would leave it; 0 lets layers
            and units die freely, for ``shrink``.
        l1: Weight of the L1 norm: weights move ``l1 * learning rate`` towards zero after every step.
        sensing: What ``csp`` measures the error of compression with: ``inputs``, ``weights`` or ``random``.
        pull: How far an update of ``csp`` moves the weights, 0 to 1.
        observed_clips: Training clips whose activations the criteria see at each update.
        distillation: Learn from the dense model as well.
        shrink: Remove units that died and rebuild the smaller model (automatic model size).
    """

    method: str = "magnitude"
    target: float = pydantic.Field(default=0.75, ge=0.0, le=0.98)
    pattern: PatternText = "unstructured"
    epochs: int = pydantic.Field(default=30, ge=1, le=10_000)
    begin: float = pydantic.Field(default=0.0, ge=0.0, lt=1.0)
    end: float = pydantic.Field(default=0.6, gt=0.0, le=1.0)
    freeze: float | None = pydantic.Field(default=None, gt=0.0, le=1.0)
    frequency: int = pydantic.Field(default=20, ge=1)
    learning_rate: float = pydantic.Field(default=2e-3, gt=0)
    skip: tuple[str, ...] = ()
    schedule: Literal["auto", "gradual", "rounds", "one_shot"] = "auto"
    rounds: int = pydantic.Field(default=4, ge=1, le=50)
    max_accuracy_drop: float | None = pydantic.Field(default=None, ge=0.0, le=1.0)
    criterion: Literal["auto", "affine", "deviation", "magnitude"] = "auto"
    returns: bool = False
    decay: float = pydantic.Field(default=0.0, ge=0.0, le=100.0)
    allocation: Literal["auto", "layer", "global"] = "auto"
    floor: float = pydantic.Field(default=0.7, ge=0.0, le=1.0)
    l1: float | None = pydantic.Field(default=None, ge=0.0, le=10.0)
    sensing: Literal["inputs", "weights", "random"] = "inputs"
    pull: float = pydantic.Field(default=0.5, gt=0.0, le=1.0)
    observed_clips: int = pydantic.Field(default=100, ge=10, le=10_000)
    distillation: DistillationSettings | None = None
    shrink: bool = False

    @pydantic.field_validator("method")
    @classmethod
    def _known_method(cls, method: str) -> str:
        if method not in METHODS:
            raise ValueError(f"expected one of {', '.join(METHODS)}.{did_you_mean(method, METHODS)}")
        return method

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> SparsitySettings:
        if self.end <= self.begin:
            raise ValueError(f"expected begin < end, got begin={self.begin} and end={self.end}")
        self._check_sparsity()
        self._check_method()
        return self

    def _check_sparsity(self) -> None:
        only = self.parsed_pattern.sparsity
        if only is not None and abs(self.target - only) > 1e-9:
            raise ValueError(
                f"the pattern {self.pattern} gives a sparsity of {only:g}, not {self.target:g}; "
                f"set sparsity.target={only:g}"
            )
        if only is not None and self.resolved_allocation == "global":
            raise ValueError(
                f"the pattern {self.pattern} keeps the same share everywhere, allocation={self.allocation} does not; "
                "set sparsity.allocation=layer"
            )
        if only is not None and self.resolved_schedule == "rounds":
            raise ValueError(
                f"the pattern {self.pattern} has one sparsity, rounds need several; set sparsity.schedule=gradual"
            )

        if self.shrink and self.pattern != "unstructured":
            raise ValueError(
                f"removing units breaks the groups of the pattern {self.pattern}; "
                "set sparsity.shrink=false or sparsity.pattern=unstructured"
            )

    def _check_method(self) -> None:
        kind = _KINDS[self.method]
        if self.resolved_schedule not in kind.schedules:
            raise ValueError(
                f"expected schedule to be {' or '.join(kind.schedules)} with method={self.method}, got {self.schedule}"
            )
        if self.returns and self.resolved_schedule != "gradual":
            raise ValueError(f"weights can return with schedule=gradual only, got schedule={self.schedule}")
        if (self.freeze is not None or self.decay) and not (self.returns or self.method == "csp"):
            raise ValueError(
                "freeze and decay are for weights that return; set sparsity.returns=true or sparsity.method=csp"
            )
        if self.freeze is not None and self.freeze < self.end:
            raise ValueError(f"expected end <= freeze, got end={self.end} and freeze={self.freeze}")
        if self.max_accuracy_drop is not None and self.resolved_schedule != "rounds":
            raise ValueError(
                "max_accuracy_drop stops between rounds: set method=weight_importance and schedule=rounds "
                f"(got method={self.method}, schedule={self.schedule})"
            )
        if self.resolved_schedule == "rounds" and self.epochs < self.rounds:
            raise ValueError(f"expected at least an epoch for each of {self.rounds} rounds, got epochs={self.epochs}")
        changed = {name for name in _OWN if getattr(self, name) != type(self).model_fields[name].default}
        if foreign := sorted(changed - kind.takes):
            owners = sorted(name for name, other in _KINDS.items() if set(foreign) <= other.takes)
            raise ValueError(
                f"method={self.method} has no {' or '.join(foreign)}; "
                f"{'methods with it' if owners else 'no method has all of these'}: {', '.join(owners) or 'none'}"
            )

    @property
    def parsed_pattern(self) -> Pattern:
        """The pattern as data."""
        return Pattern.parse(self.pattern)

    @property
    def resolved_schedule(self) -> Schedule:
        """The schedule, with ``auto`` resolved."""
        return _KINDS[self.method].schedule if self.schedule == "auto" else self.schedule

    @property
    def resolved_allocation(self) -> Literal["layer", "global"]:
        """The allocation, with ``auto`` resolved (N:M patterns keep the same share everywhere)."""
        if self.allocation != "auto":
            return self.allocation
        return "layer" if self.parsed_pattern.kept else _KINDS[self.method].allocation

    @property
    def looks_at_inputs(self) -> bool:
        """Whether the method judges a weight by what flows into its layer."""
        if self.method == "csp":
            return self.sensing == "inputs"
        return self.method != "magnitude" and self.resolved_criterion != "magnitude"

    @property
    def resolved_criterion(self) -> Literal["affine", "deviation", "magnitude"]:
        """The criterion, with ``auto`` resolved."""
        if self.criterion != "auto":
            return self.criterion
        return "affine" if self.method == "weight_importance" else "magnitude"

    @property
    def resolved_l1(self) -> float:
        """The weight of the L1 norm, with the method's default where none was given."""
        return _L1.get(self.method, 0.0) if self.l1 is None else self.l1

    def at(self, **changes: Any) -> SparsitySettings:
        """These settings with ``changes``, validated."""
        return type(self).parse(self.model_dump(mode="json") | changes)
