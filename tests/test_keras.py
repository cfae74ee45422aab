"""The one import of TensorFlow."""

from __future__ import annotations

import sys

import pytest

from kws_tfmot.keras import without


def test_packages_are_hidden_for_a_while_and_those_imported_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with without("colorsys", "json"):
        import json

        with pytest.raises(ImportError):
            import colorsys
        assert json.loads("1") == 1
    import colorsys

    assert colorsys.rgb_to_hsv(0, 0, 0) == (0, 0, 0)


def test_autograph_leaves_tfmot_alone() -> None:
    from tensorflow.python.autograph.impl import conversion

    from kws_tfmot.tfmot import tfmot

    assert conversion.is_allowlisted(tfmot.sparsity.keras.UpdatePruningStep.on_epoch_end)
    assert conversion.is_allowlisted(tfmot.quantization.keras.QuantizeWrapper.call)
    assert not conversion.is_allowlisted(test_autograph_leaves_tfmot_alone)
