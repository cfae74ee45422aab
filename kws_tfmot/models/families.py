"""Names of the model families and the modules that build them, without importing Keras."""

from __future__ import annotations

from kws_tfmot.errors import did_you_mean

# name -> module of kws_tfmot.models with `build(settings, input_shape, classes)`
FAMILIES = {
    "bc_resnet": "bc_resnet",
    "cnn": "cnn",
    "dnn": "dnn",
    "ds_cnn": "ds_cnn",
    "matchboxnet": "matchboxnet",
    "mbconv": "mbconv",
    "streaming_cnn": "streaming_cnn",
    "tc_resnet8": "tc_resnet",
    "tenet": "tenet",
}

UNPADDED = ("cnn", "dnn", "streaming_cnn")
"""Families that pad no time."""


def model_names() -> tuple[str, ...]:
    """The families that :func:`build_model` knows, sorted."""
    return tuple(sorted(FAMILIES))


def check_name(name: str) -> str:
    """Return ``name`` if it is a known family.

    Raises:
        ValueError: If it is not, naming the families.
    """
    if name not in FAMILIES:
        raise ValueError(f"expected one of {', '.join(model_names())}.{did_you_mean(name, FAMILIES)}")
    return name
