from __future__ import annotations

import pytest

from kws_tfmot.errors import RecipeError
from kws_tfmot.keras import keras, seed_everything
from kws_tfmot.models import ModelSettings, build_model
from kws_tfmot.sparsity.coverage import coverage
from kws_tfmot.sparsity.report import total_sparsity
from kws_tfmot.sparsity.settings import CompressedSensing, TfmotMagnitude


def model(name: str = "ds_cnn") -> keras.Model:
    seed_everything(1)
    return build_model(ModelSettings(name=name, width=16, blocks=1), (12, 8), 4)


def test_what_is_not_pruned_is_said() -> None:
    rows = {row.layer: row.reason for row in coverage(model(), TfmotMagnitude(skip=("classifier",)))}
    assert "TFMOT never prunes" in rows["block1_depthwise"]
    assert rows["classifier"] == "named in sparsity.skip"
    assert rows["block1_pointwise"] == rows["conv"] == ""
    two_of_four = TfmotMagnitude(pattern="2:4", target=0.5)
    assert (
        "1 input channels are no multiple of 4" in {r.layer: r.reason for r in coverage(model(), two_of_four)}["conv"]
    )


def test_our_groups_lie_along_the_whole_fan_in_and_tfmots_along_the_channels() -> None:
    ours = CompressedSensing(pattern="2:4", target=0.5)
    assert {row.layer: row.reason for row in coverage(model(), ours)}["conv"] == ""
    three = CompressedSensing(pattern="1:3", target=2 / 3)
    rows = {row.layer: row.reason for row in coverage(model("dnn"), three)}
    assert rows["dense1"] == ""
    assert rows["classifier"] == "16 inputs x 4 outputs do not divide into 1:3"


def test_wrong_names_and_empty_jobs_are_refused() -> None:
    with pytest.raises(RecipeError, match="Did you mean 'classifier'"):
        coverage(model(), TfmotMagnitude(skip=("clasifier",)))
    every = tuple(row.layer for row in coverage(model(), TfmotMagnitude()))
    with pytest.raises(RecipeError, match="no layer would be pruned"):
        coverage(model(), TfmotMagnitude(skip=every))


def test_total_sparsity_counts_weights_not_layers() -> None:
    assert total_sparsity({"big": (0, 90), "small": (10, 10)}) == pytest.approx(0.1)
