"""Models from elsewhere get the front end's scale, zero point and settings, and go on computing what they computed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tflite_builders import build, operator, tensor

from kws_tfmot.adapt import FeatureSettings, adapt, read_features
from kws_tfmot.contract import ModelContract
from kws_tfmot.errors import KwsError, ModelError, RecipeError
from kws_tfmot.frontend.frontend_settings import FrontendSettings
from kws_tfmot.tflite.interpreter import open_interpreter

LABELS = ("_silence_", "_unknown_", "yes", "no")
FRONT = FrontendSettings(clip_ms=250)
FRAMES, BANDS = FRONT.feature_shape


def foreign(scale: float = 0.11, zero_point: int = -20, outputs: int = 4) -> bytes:
    """A fully connected layer over flat features, quantised in its own way."""
    rng = np.random.default_rng(0)
    weights = rng.integers(-60, 60, (outputs, FRAMES * BANDS)).astype(np.int8)
    bias = rng.integers(-2000, 2000, outputs).astype(np.int32)
    tensors = [
        tensor((1, FRAMES * BANDS), "int8", scale, zero_point),
        tensor(weights.shape, "int8", 0.02, 0, data=weights),
        tensor((outputs,), "int32", scale * 0.02, 0, data=bias),
        tensor((1, outputs), "int8", 1.0, 3),
    ]
    return build(tensors, [operator("FULLY_CONNECTED", [0, 1, 2], [3], ("FullyConnectedOptions", {}))], [0], [3])


def test_outputs_stay_and_the_settings_travel() -> None:
    model = foreign()
    found = adapt(model, FeatureSettings(labels=LABELS, frontend=FRONT))
    contract = ModelContract.of_model(found.model)
    assert contract.labels == LABELS and contract.frontend == FRONT
    assert found.was == (pytest.approx(0.11), -20) and found.difference <= 1
    after, before = open_interpreter(found.model, "tflm"), open_interpreter(model, "tflm")
    assert (after.input.scale, after.input.zero_point) == (FRONT.scale, FRONT.zero_point)
    features = np.random.default_rng(1).integers(-100, 100, (50, FRAMES * BANDS)).astype(np.int8)
    theirs = np.clip(np.rint(features * FRONT.scale / 0.11) - 20, -128, 127).astype(np.int8)
    outputs = after.run(features).astype(int), before.run(theirs).astype(int)
    assert len(np.unique(outputs[1])) > 20 and np.abs(outputs[0] - outputs[1]).max() <= 8  # features are rounded anew


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"labels": LABELS[1:], "frontend": FRONT}, "4 outputs for 3 labels"),
        ({"labels": LABELS, "frontend": FrontendSettings()}, "the front end gives"),
    ],
)
def test_what_does_not_fit_is_refused(settings: dict, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        adapt(foreign(), FeatureSettings(**settings))


def test_settings_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "theirs.yaml"
    path.write_text("labels: [_silence_, _unknown_, yes, no]\nfrontend: {clip_ms: 250, hopms: 20}\n")
    with pytest.raises(RecipeError, match="Did you mean 'hop_ms'"):
        read_features(path)
    path.write_text('labels: [_silence_, _unknown_, yes, "\\ud800"]\nfrontend: {clip_ms: 250, hop_ms: 20}\n')
    with pytest.raises(KwsError, match="expected text"):
        adapt(foreign(), read_features(path))
    path.write_text("- yes\n")
    with pytest.raises(RecipeError, match="holds list"):
        read_features(path)
    with pytest.raises(RecipeError, match="no feature settings"):
        read_features(tmp_path / "none.yaml")


def test_a_model_that_takes_a_row_at_a_time_is_given_a_front_end_of_one_row() -> None:
    front = FrontendSettings(kind="microfrontend", clip_ms=30)
    rows, bands = front.feature_shape
    assert rows == 1
    entries = [tensor((1, 1, bands), "int8", 0.11, -20), tensor((1, bands), "int8", 0.11, -20)]
    model = build(entries, [operator("RESHAPE", [0], [1], ("ReshapeOptions", {"new_shape": [1, bands]}))], [0], [1])
    labels = tuple(f"word{k}" for k in range(bands))
    contract = ModelContract.of_model(adapt(model, FeatureSettings(labels=labels, frontend=front)).model)
    assert contract.frontend == front and contract.clips.clip_ms == 100
