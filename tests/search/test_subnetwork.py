"""Sub-networks as they are judged, and as they are taken out."""

from __future__ import annotations

import numpy as np
import pytest

from kws_tfmot.keras import keras
from kws_tfmot.search import OmniSettings
from kws_tfmot.search.omni.masked_kernels import kept_weights, space_of
from kws_tfmot.search.omni.subnetwork import Subnetworks
from kws_tfmot.sparsity.patterns import Pattern
from tests.search.conftest import make_network, train_supernet

OMNI = OmniSettings(grid=(0.0, 0.5, 0.8), refresh=3)


@pytest.fixture(scope="module")
def trained(task) -> keras.Model:
    network = make_network()
    train_supernet(network, task, OMNI)
    return network


@pytest.mark.parametrize("pattern", ["unstructured", "1x4"])
def test_what_is_taken_out_is_what_was_judged(task, trained, pattern: str) -> None:
    source, (x, y) = task
    space = space_of(trained, OMNI.model_copy(update={"pattern": pattern}))
    before = trained.get_weights()
    subnets = Subnetworks(trained, space, Pattern.parse(pattern), source.features, (x, y))
    kept = kept_weights(space, Pattern.parse(pattern))
    total = sum(space.weights)
    assert subnets.zeros(space.uniform(1)) == pytest.approx(1 - kept[:, 1].sum() / total)
    for levels in ((0,) * len(space.layers), tuple(range(len(space.layers))), (2,) * len(space.layers)):
        levels = tuple(min(level, space.top) for level in levels)
        score = subnets.score(levels)
        model = subnets.extract(levels)
        probabilities = model.predict(x, verbose=0)
        assert score.accuracy == pytest.approx(np.mean(probabilities.argmax(1) == y.argmax(1)), abs=1e-6)
        loss = float(np.mean(keras.losses.categorical_crossentropy(y, probabilities)))
        assert score.loss == pytest.approx(loss, abs=1e-4)
        for i, name in enumerate(space.layers):
            assert np.count_nonzero(model.get_layer(name).kernel.numpy()) == kept[i, levels[i]]
    for a, b in zip(before, trained.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_batch_norm_is_that_of_one_pass_over_the_features(task, trained) -> None:
    source, validation = task
    space = space_of(trained, OMNI)
    subnets = Subnetworks(trained, space, Pattern.parse("unstructured"), source.features, validation)
    model = subnets.extract(space.uniform(1))
    reader = keras.Model(model.input, model.get_layer("conv").output)
    seen = reader.predict(source.features, verbose=0)
    norm = model.get_layer("conv_bn")
    np.testing.assert_allclose(norm.moving_mean.numpy(), seen.mean(axis=(0, 1, 2)), atol=1e-4)
    np.testing.assert_allclose(norm.moving_variance.numpy(), seen.var(axis=(0, 1, 2)), rtol=2e-3)


def test_scores_do_not_depend_on_what_was_judged_before(task, trained) -> None:
    source, validation = task
    space = space_of(trained, OMNI)
    subnets = Subnetworks(trained, space, Pattern.parse("unstructured"), source.features, validation)
    first = subnets.score(space.uniform(2))
    subnets.score(space.uniform(0))
    assert subnets.score(space.uniform(2)) == first
