"""Foreign accents over English phonemes."""

from __future__ import annotations

import numpy as np
import pytest

from kws_tfmot.data.speech.foreign_accents import FOREIGN, split_accent, with_accent


@pytest.mark.parametrize("foreign", sorted(FOREIGN))
def test_an_accent_changes_some_sounds_and_never_the_same_ones_alone(foreign: str) -> None:
    heard = {with_accent("ðə wˈɪnd vˈɛɹi θˈɪk", foreign, np.random.default_rng(seed)) for seed in range(20)}
    assert len(heard) > 5 and all(one.count("ˈ") == 3 for one in heard)


def test_without_an_accent_nothing_changes() -> None:
    assert with_accent("wˈɔːtɚ", split_accent("en-us")[1], np.random.default_rng(1)) == "wˈɔːtɚ"
