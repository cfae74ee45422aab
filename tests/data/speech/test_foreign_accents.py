"""Foreign accents over English phonemes."""

from __future__ import annotations

import numpy as np
import pytest

from kws_tfmot.data.speech.foreign_accents import FOREIGN, split_accent, with_accent
from kws_tfmot.data.speech.slips import SLIP, slipped


@pytest.mark.parametrize("foreign", sorted(FOREIGN))
def test_an_accent_changes_some_sounds_and_never_the_same_ones_alone(foreign: str) -> None:
    heard = {with_accent("ðə wˈɪnd vˈɛɹi θˈɪk", foreign, np.random.default_rng(seed)) for seed in range(20)}
    assert len(heard) > 5 and all(one.count("ˈ") == 3 for one in heard)


def test_without_an_accent_nothing_changes() -> None:
    assert with_accent("wˈɔːtɚ", split_accent("en-us")[1], np.random.default_rng(1)) == "wˈɔːtɚ"


@pytest.mark.parametrize("word", ["d^ʒˈɑːvɪs", "ɐlˈɛksə", "sˈʌnʃAn", "ˈuː"])
def test_a_slip_of_the_tongue_is_never_the_word_nor_one_of_its_accents(word: str) -> None:
    for seed in range(40):
        said = with_accent(word, SLIP, np.random.default_rng(seed))
        assert said != word and said.count("ˈ") == 1
        assert said not in {word.replace(one, other) for one, other in (("ɪ", "i"), ("ɑː", "a"), ("s", "z"))}


def test_what_holds_no_sound_that_can_slip_stays() -> None:
    assert slipped("ˈə", np.random.default_rng(0)) == "ˈə"
