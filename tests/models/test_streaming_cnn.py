"""The network for streams: a window's result does not depend on whether it was computed alone."""

from __future__ import annotations

import numpy as np
import pytest

from kws_tfmot.errors import RecipeError
from kws_tfmot.models import build_model
from kws_tfmot.models.model_settings import ModelSettings


@pytest.mark.parametrize(("separable", "local"), [(True, False), (False, True)])
def test_every_decision_of_a_stretch_equals_its_own_window(separable: bool, local: bool) -> None:
    from kws_tfmot.keras import seed_everything, tf
    from kws_tfmot.models.streaming_cnn import STRIDE, over_stretch

    seed_everything(1)
    window = build_model(ModelSettings(name="streaming_cnn", width=8, separable=separable, local=local), (148, 40), 3)
    stretch = over_stretch(window, 148 + 4 * STRIDE)
    features = np.random.default_rng(0).standard_normal((1, 148 + 4 * STRIDE, 40, 1)).astype(np.float32)
    whole = tf.nn.softmax(stretch(features)).numpy()[0]
    assert whole.shape == (5, 3)
    alone = np.concatenate([window(features[:, STRIDE * i : STRIDE * i + 148]).numpy() for i in range(5)])
    np.testing.assert_allclose(whole, alone, atol=1e-5)


def test_a_window_too_short_for_the_kernels_is_refused() -> None:
    with pytest.raises(RecipeError, match="streaming_cnn"):
        build_model(ModelSettings(name="streaming_cnn", blocks=4), (49, 10), 3)
