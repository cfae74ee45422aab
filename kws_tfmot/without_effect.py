"""What a recipe sets and nothing reads, so that it can be said before hours of training."""

from __future__ import annotations

from collections.abc import Iterator

from kws_tfmot.recipe import Recipe
from kws_tfmot.settings import Settings

_ONE_SIZE = ("mbconv", "tc_resnet8")
_TRAINS_QAT = ("epochs", "learning_rate")


def without_effect(recipe: Recipe) -> list[str]:
    """A sentence for each group of the recipe with keys that differ from their defaults and have no part in a build.

    >>> without_effect(Recipe.parse({"model": {"name": "tc_resnet8", "size": "l"}, "quantization": {"mode": "ptq"}}))
    ['model.size has no effect here: the family tc_resnet8 has one size']
    """
    notes = []
    for group, keys, reason in _unread(recipe):
        settings = getattr(recipe, group)
        if changed := [f"{group}.{key}" for key in keys if key in _changed(settings)]:
            has = "has" if len(changed) == 1 else "have"
            notes.append(f"{', '.join(changed)} {has} no effect here: {reason}")
    return notes


def _unread(recipe: Recipe) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Group, keys and why nothing reads these."""
    model, quantization = recipe.model.name, recipe.quantization
    if recipe.streams:
        for group in ("train", "augment"):
            reason = "the group streams says how this recipe trains"
            yield group, tuple(type(getattr(recipe, group)).model_fields), reason
        yield "quantization", ("calibration_clips",), "windows of the streams calibrate"
        if recipe.streams.windows:
            keys = ("replayed", "hard_negatives", "batch_size")
            yield "streams", keys, "streams.windows trains on single windows in place of stretches"
    if quantization.mode != "qat":
        yield "quantization", _TRAINS_QAT, f"quantization.mode={quantization.mode} trains nothing"
    if not quantization.clusters:
        yield "quantization", ("cluster_epochs",), "quantization.clusters=0 makes none"
    if model != "streaming_cnn":
        yield "model", ("separable", "local"), f"they belong to streaming_cnn, not to {model}"
    if model in _ONE_SIZE:
        yield "model", ("size",), f"the family {model} has one size"
    if model == "cnn":
        yield "model", ("blocks",), "the family cnn has two convolutions"
    if recipe.frontend.kind != "mfcc":
        yield "frontend", ("coefficients",), f"frontend.kind={recipe.frontend.kind} keeps all of its frontend.mels"


def _changed(settings: Settings) -> set[str]:
    """Keys whose value is not the default."""
    default = type(settings)()
    return {key for key in type(settings).model_fields if getattr(settings, key) != getattr(default, key)}
