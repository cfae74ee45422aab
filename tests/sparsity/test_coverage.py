from __future__ import annotations

import functools

import pytest

from kws_tfmot.errors import RecipeError
from kws_tfmot.keras import keras, seed_everything
from kws_tfmot.models import ModelSettings, build_model
from kws_tfmot.sparsity.coverage import Coverage, coverage, kernels, layer_of
from kws_tfmot.sparsity.patterns import Pattern
from kws_tfmot.sparsity.sparsity_settings import CompressedSensing, Gradual, TfmotMagnitude
from kws_tfmot.sparsity.zero_counts import total_sparsity, zeros_per_layer


@functools.cache
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


@functools.cache
def recurrent() -> keras.Model:
    entry = keras.Input((6, 4))
    x = keras.layers.LSTM(3, name="lstm")(entry)
    frozen = keras.layers.Dense(8, name="frozen", trainable=False)(x)
    return keras.Model(entry, keras.layers.Dense(2, name="last")(keras.layers.PReLU(name="prelu")(frozen)))


def test_every_kernel_has_a_name_and_a_layer_and_its_zeros_are_counted() -> None:
    network = recurrent()
    found = kernels(network)
    sizes = {"lstm/kernel": 48, "lstm/recurrent_kernel": 36, "frozen": 24, "last": 16}
    assert {name: int(kernel.shape.num_elements()) for name, kernel in found.items()} == sizes
    assert [layer_of(network, name).name for name in found] == ["lstm", "lstm", "frozen", "last"]
    assert list(kernels(model())) == ["conv", "block1_depthwise", "block1_pointwise", "classifier"]
    for n, kernel in enumerate(found.values()):
        values = kernel.numpy() + 9
        values.ravel()[: n + 1] = 0
        kernel.assign(values)
    assert zeros_per_layer(network) == {name: (n + 1, size) for n, (name, size) in enumerate(sizes.items())}
    assert total_sparsity({}) == 0


def test_what_becomes_of_each_layer_is_said_with_its_reason() -> None:
    rows = {row.layer: row for row in coverage(recurrent(), Gradual())}
    assert rows["last"] == Coverage("last", 16) and rows["lstm/kernel"] == Coverage("lstm/kernel", 48)
    assert rows["frozen"].reason == "training leaves it alone (trainable=False)"
    shrunk = {row.layer: row.reason for row in coverage(recurrent(), Gradual(shrink=True))}
    assert "units of recurrent layers are not removed" in shrunk["lstm/recurrent_kernel"] and not shrunk["last"]
    seen = {row.layer: row.reason for row in coverage(recurrent(), Gradual(criterion="affine"))}
    assert "not known within a recurrent one" in seen["lstm/kernel"] and not seen["last"]


def test_blocks_that_do_not_divide_leave_a_layer_unstructured_and_groups_leave_it_dense() -> None:
    blocks = {row.layer: row for row in coverage(model(), Gradual(pattern="3x2"))}
    assert blocks["conv"] == Coverage("conv", 640, note="unstructured: 40 inputs x 16 outputs do not divide into 3x2")
    even = {row.layer: row for row in coverage(model(), Gradual(pattern="2x4"))}
    assert even["conv"].pattern == Pattern.parse("2x4") and even["conv"].note == even["conv"].reason == ""
    assert "depthwise" in even["block1_depthwise"].reason
    tfmot = {row.layer: row for row in coverage(model(), TfmotMagnitude(pattern="2x4"))}
    assert tfmot["classifier"].pattern == Pattern.parse("2x4")
    assert tfmot["conv"] == Coverage(
        "conv", 640, note="unstructured: TFMOT prunes blocks in fully connected kernels only"
    )
    groups = {row.layer: row for row in coverage(model(), TfmotMagnitude(pattern="2:4", target=0.5))}
    assert groups["block1_pointwise"].pattern == Pattern.parse("2:4") and groups["conv"].reason
