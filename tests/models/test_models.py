from __future__ import annotations

import functools

import numpy as np
import pytest

from kws_tfmot.errors import ModelError, RecipeError
from kws_tfmot.keras import keras
from kws_tfmot.models import ModelSettings, build_model, model_names
from kws_tfmot.models.copying import fresh_copy
from kws_tfmot.models.counting import count_layers, total_macs
from kws_tfmot.models.stored import load_stored

pytestmark = pytest.mark.xdist_group("test_models")  # networks are made once
FAMILIES = model_names()


def hand_counted_ds_cnn(channels: int, blocks: int, first_map: tuple[int, int], block_map: tuple[int, int]) -> int:
    """MACs of DS-CNN on 49 x 10 features and 12 classes, term by term."""
    first = first_map[0] * first_map[1] * 10 * 4 * channels
    positions = block_map[0] * block_map[1]
    return first + blocks * positions * (9 * channels + channels * channels) + 12 * channels


@pytest.mark.parametrize(
    ("size", "macs"),
    [
        ("s", hand_counted_ds_cnn(64, 4, (25, 5), (25, 5))),
        ("m", hand_counted_ds_cnn(172, 4, (25, 10), (13, 5))),
        ("l", hand_counted_ds_cnn(276, 5, (25, 10), (13, 5))),
    ],
)
def test_macs_of_ds_cnn_equal_the_hand_count(size: str, macs: int) -> None:
    assert total_macs(build_model(ModelSettings(size=size), (49, 10), 12)) == macs


def test_small_ds_cnn_is_the_one_of_mlperf_tiny() -> None:
    counts = count_layers(build_model(ModelSettings(), (49, 10), 12))
    assert sum(c.macs for c in counts) == 2_656_768
    assert sum(c.weights for c in counts) == 40 * 64 + 4 * (9 * 64 + 64 * 64) + 64 * 12


def test_macs_of_dnn_are_its_weights() -> None:
    model = build_model(ModelSettings(name="dnn"), (49, 10), 12)
    assert total_macs(model) == 490 * 144 + 2 * 144 * 144 + 144 * 12


def test_parameters_of_tc_resnet8_are_those_published() -> None:
    """66 k in the paper (arXiv 1904.03814, table 2), with 40 coefficients and 12 classes."""
    model = build_model(ModelSettings(name="tc_resnet8"), (98, 40), 12)
    assert 64_000 < sum(c.parameters for c in count_layers(model)) < 68_000


@pytest.mark.parametrize(
    ("multiplier", "parameters"),
    [
        (1, 9_232),
        pytest.param(1.5, 17_154, marks=pytest.mark.slow),
        pytest.param(2, 27_284, marks=pytest.mark.slow),
        (3, 54_168),
    ],
)
def test_parameters_of_bc_resnet_are_those_published(multiplier: float, parameters: int) -> None:
    """9.2, 17.2, 27.3 and 54.2 k in the paper (arXiv 2106.04140), whose five sub-bands have a norm each."""
    model = build_model(ModelSettings(name="bc_resnet", multiplier=multiplier), (101, 40), 12)
    norms = [layer for layer in model.layers if layer.name.endswith("frequency_bn")]
    assert len(norms) == 12
    four_more_bands = sum(4 * layer.count_params() // 2 for layer in norms)
    assert sum(c.parameters for c in count_layers(model)) + four_more_bands == parameters


def test_bc_resnet_makes_five_of_forty_bands_and_keeps_time() -> None:
    """MACs by hand; the paper's 3.1 M count more than convolutions."""
    model = build_model(ModelSettings(name="bc_resnet"), (101, 40), 12)
    macs = {count.name: count.macs for count in count_layers(model)}
    assert macs["conv"] == 101 * 20 * 25 * 16
    assert macs["stage2_block1_expand"] == 101 * 20 * 8 * 12
    assert macs["stage4_block4_time"] == 101 * 3 * 20
    assert macs["last_depthwise"] == 101 * 25 * 20
    assert 2_500_000 < sum(macs.values()) < 3_100_000


@pytest.mark.parametrize(
    ("name", "size", "shape", "classes", "parameters", "macs"),
    [
        ("tenet", "s", (98, 40), 12, 17e3, 0.55e6),
        ("tenet", "l", (98, 40), 12, 100e3, 2.9e6),
        ("matchboxnet", "s", (128, 64), 30, 77e3, 9.3e6),
        pytest.param("matchboxnet", "m", (128, 64), 30, 93e3, 11.3e6, marks=pytest.mark.slow),
    ],
)
def test_counts_are_those_published(
    name: str, size: str, shape: tuple[int, int], classes: int, parameters: float, macs: float
) -> None:
    counts = count_layers(build_model(ModelSettings(name=name, size=size), shape, classes))
    assert sum(c.parameters for c in counts) == pytest.approx(parameters, rel=0.04)
    assert sum(c.macs for c in counts) == pytest.approx(macs, rel=0.08)


@functools.cache
def whole(name: str) -> keras.Model:
    """The family's network as it is by default; nobody changes it."""
    return build_model(ModelSettings(name=name, dropout=0.3), (49, 10), 5)


@pytest.mark.parametrize("name", FAMILIES)
class TestEveryFamily:
    """What all builders must obey."""

    def test_outputs_are_probabilities(self, name: str) -> None:
        scores = whole(name)(np.random.default_rng(0).normal(size=(3, 49, 10, 1)).astype(np.float32)).numpy()
        assert scores.shape == (3, 5)
        np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-5)

    def test_every_relu_follows_batch_norm_or_addition(self, name: str) -> None:
        for layer in whole(name).layers:
            if isinstance(layer, keras.layers.ReLU):
                before = layer.inbound_nodes[0].inbound_layers
                assert isinstance(before, keras.layers.BatchNormalization | keras.layers.Add)

    def test_width_changes_the_size(self, name: str) -> None:
        narrow = build_model(ModelSettings(name=name, width=4), (49, 10), 5)
        assert narrow.count_params() < whole(name).count_params()

    def test_survives_saving(self, name: str, tmp_path) -> None:
        model = whole(name)
        model.save(tmp_path / "model.keras")
        again = load_stored(tmp_path / "model.keras")
        x = np.random.default_rng(0).normal(size=(3, 49, 10, 1)).astype(np.float32)
        np.testing.assert_array_equal(model(x).numpy(), again(x).numpy())

    def test_counts_every_trainable_parameter(self, name: str) -> None:
        model = whole(name)
        trainable = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
        assert sum(c.parameters for c in count_layers(model)) == trainable


def test_features_too_small_are_refused() -> None:
    for name in ("ds_cnn", "cnn", "bc_resnet"):
        with pytest.raises(RecipeError, match="input_shape"):
            build_model(ModelSettings(name=name), (49, 3), 5)


def test_an_unknown_layer_is_not_counted_as_free() -> None:
    inputs = keras.Input((4, 3))
    model = keras.Model(inputs, keras.layers.LayerNormalization()(inputs))
    with pytest.raises(ModelError, match="LayerNormalization"):
        count_layers(model)


def test_a_fresh_copy_shares_nothing() -> None:
    model = build_model(ModelSettings(name="dnn", width=8), (8, 4), 3)
    copy = fresh_copy(model)
    before = [w.copy() for w in model.get_weights()]
    copy.set_weights([w + 1 for w in copy.get_weights()])
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
