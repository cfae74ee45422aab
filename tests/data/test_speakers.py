"""Who speaks, and which split a speaker belongs to."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kws_tfmot.data import DataSettings, speakers
from kws_tfmot.data.speakers import official_split, percent_splits, place_voices, speaker_of
from kws_tfmot.errors import DataError

PATTERN = DataSettings().speaker_pattern


@pytest.mark.parametrize(
    ("name", "speaker"),
    [
        ("0c540988_nohash_0.wav", "0c540988"),
        ("backward_0c540988_nohash_0.wav.wav", "0c540988"),
        ("two words_AB12_nohash_3.flac", "AB12"),
        ("running_tap.wav", ""),
        ("nohash_0.wav", ""),
    ],
)
def test_speaker_is_found_anywhere_in_the_name(name: str, speaker: str) -> None:
    assert speaker_of(name, PATTERN) == speaker


def test_speaker_of_another_convention() -> None:
    assert speaker_of("spk-042_go_1.wav", r"spk-(\d+)_") == "042"


@pytest.mark.parametrize(
    ("speakers", "split"),
    [
        # From the list files that the data set ships, which its authors made by the rule.
        (("0c40e715", "0ea0e2f4", "42beb5eb", "44260689", "44715c1c", "022cd682", "096456f9"), "test"),
        (("026290a7", "060cd039", "099d52ad", "0e17f595"), "validation"),
        (("00176480", "004ae714"), "train"),
    ],
)
def test_official_rule_agrees_with_the_published_lists(speakers: tuple[str, ...], split: str) -> None:
    assert {official_split(speaker) for speaker in speakers} == {split}


@pytest.mark.recordings
def test_recordings_hold_no_official_test_speaker(recordings: Path) -> None:
    """Their attribution says that the test speakers of the rule were left out, and how many clips remain."""
    nine = ("down", "eight", "five", "go", "left", "one", "right", "up", "zero")
    names = [path.name for word in nine for path in (recordings / word).glob("*.flac")]
    splits = [official_split(speaker_of(name, PATTERN)) for name in names]
    assert splits.count("test") == 0
    assert splits.count("validation") > 400
    assert splits.count("train") > 4000


def test_the_official_rule_in_whole_numbers() -> None:
    """Of 2^27 steps of SHA-1 the first tenth validates, the second tests; with 10,000 names."""
    tenth = Fraction((1 << 27) - 1, 10)
    steps = {f"{n:08x}": int(hashlib.sha1(f"{n:08x}".encode()).hexdigest(), 16) % (1 << 27) for n in range(10_000)}
    split_of = {
        name: "validation" if step < tenth else "test" if step < 2 * tenth else "train" for name, step in steps.items()
    }
    assert {name: official_split(name) for name in steps} == split_of
    assert {official_split(name, 30, 0) for name, step in steps.items() if step < 3 * tenth} == {"validation"}


def test_official_shares_are_ten_ten_eighty() -> None:
    splits = [official_split(f"{number:08x}") for number in range(4000)]
    assert 0.085 < splits.count("validation") / 4000 < 0.115
    assert 0.085 < splits.count("test") / 4000 < 0.115


@pytest.mark.parametrize("percent", [(80, 10, 10), (60, 20, 20), (90, 10, 0)])
def test_percentages_are_met_in_every_class_by_whole_speakers(percent: tuple[float, float, float]) -> None:
    clips = {f"s{number}": {"go": 1 + number % 7, "stop": number % 3} for number in range(200)}
    split_of = percent_splits(clips, percent, seed=3)
    assert set(split_of) == set(clips)
    for label in ("go", "stop"):
        total = sum(counts[label] for counts in clips.values())
        for name, wanted in zip(("train", "validation", "test"), percent, strict=True):
            found = sum(clips[speaker][label] for speaker, split in split_of.items() if split == name)
            assert 100 * found / total == pytest.approx(wanted, abs=1.5)


def stratified(
    clips_of: Mapping[str, Mapping[str, int]], shares: Mapping[str, Fraction], seed: int, only: Mapping[str, str]
) -> dict[str, str]:
    """The rule of :func:`percent_splits` in fractions, one speaker after the other."""
    total = sum((Counter(counts) for counts in clips_of.values()), Counter())
    seen, filled, split_of = Counter(), {name: Counter() for name in shares}, {}

    def turn(speaker: str) -> tuple[int, str]:
        rarest = min(total[c] for c, n in clips_of[speaker].items() if n)
        return rarest, hashlib.sha256(f"{seed}:{speaker}".encode()).hexdigest()

    def wanted(name: str, label: str) -> Fraction:
        """Words held out for one split are wanted there whole, and pull half as much."""
        return shares[name] if label not in only else Fraction(only[label] == name)

    for speaker in sorted(clips_of, key=turn):
        seen += Counter(clips_of[speaker])
        need = {
            name: sum(
                (Fraction(1, 2) if c in only else 1) * Fraction(n, total[c])
                * (wanted(name, c) * seen[c] - filled[name][c]) / total[c]
                for c, n in clips_of[speaker].items()
            )
            for name in shares
        }  # fmt: skip
        split_of[speaker] = max(need, key=lambda name: (need[name], shares[name]))
        filled[split_of[speaker]] += Counter(clips_of[speaker])
    return split_of


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("held", [{}, {"c": "test"}, {"b": "validation", "c": "train", "e": "test"}])
def test_each_speaker_goes_to_the_split_that_lags_most(seed: int, held: dict[str, str]) -> None:
    rng = np.random.default_rng(seed)
    few, many = (0, 3), (1, 30)  # where a class is rarest that a speaker has one clip of, or none
    clips = {f"s{n}": {c: int(rng.integers(*(few if n % 2 else many))) for c in "abcde"} for n in range(90)}
    clips = {name: counts for name, counts in clips.items() if any(counts.values())}
    percent = (70.01, 17.33, 12.66)  # of fewer than 2,000 clips no whole number: no ties
    shares = {
        name: Fraction(str(part)) / 100 for name, part in zip(("train", "validation", "test"), percent, strict=True)
    }
    assert percent_splits(clips, percent, seed, held) == stratified(clips, shares, seed, held)


@pytest.mark.parametrize("seed", range(20))
def test_a_rare_class_reaches_every_split(seed: int) -> None:
    clips = {f"s{number}": {"go": 4, "rare": 1} if number % 12 == 0 else {"go": 4} for number in range(100)}
    split_of = percent_splits(clips, (80, 10, 10), seed)
    assert {split_of[speaker] for speaker, counts in clips.items() if "rare" in counts} == set(split_of.values())


def test_percentages_depend_on_the_seed_alone() -> None:
    clips = {f"s{number}": {"go": 3} for number in range(50)}
    again = dict(reversed(clips.items()))
    assert percent_splits(clips, (80, 10, 10), 1) == percent_splits(again, (80, 10, 10), 1)
    assert percent_splits(clips, (80, 10, 10), 1) != percent_splits(clips, (80, 10, 10), 2)


def test_a_pattern_that_takes_for_ever_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speakers, "_PATTERN_SECONDS", 0.05)
    with pytest.raises(DataError, match="finds no end"):
        speaker_of("a" * 60 + ".wav", r"((a|a)+)b")


def test_a_pattern_has_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    monkeypatch.setattr(speakers, "regex", SimpleNamespace(search=lambda *a, **named: given.append((a, named))))
    assert speaker_of("ann_1.wav", "x") == "" and given == [(("x", "ann_1.wav"), {"timeout": 5.0})]


def test_a_group_that_is_not_there_names_nobody() -> None:
    assert speaker_of("go_1.wav", r"(\w+-)?go") == "" and speaker_of("ann-go_1.wav", r"(\w+)-(go)") == "ann"


def test_the_rule_s_percentages_are_strict_bounds() -> None:
    for name in ("00176480", "0c40e715", "026290a7"):
        step = int(hashlib.sha1(name.encode()).hexdigest(), 16) % 2**27
        own = step * (100.0 / (2**27 - 1))
        assert official_split(name, own, 0.0) == official_split(name, 0.0, own) == "train"
        assert official_split(name, own, 1e-9) == "test"
        assert official_split(name, np.nextafter(own, 101), 0.0) == "validation"


def test_the_rule_s_hash_is_no_secret_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a system forbids SHA-1 for security it is allowed for this."""
    sha1 = hashlib.sha1

    def strict(data: bytes, *, usedforsecurity: bool = True) -> Any:
        if usedforsecurity:
            raise ValueError("disabled for FIPS")
        return sha1(data)

    monkeypatch.setattr(hashlib, "sha1", strict)
    assert official_split("0c40e715") == "test"


def placed(counts: list[list[tuple[str, int]]], percent: tuple[float, ...], order: list[int]) -> list[str]:
    """Where voices go that come in an order, by :func:`place_voices`."""
    ranks = np.array([bytes(24) + rank.to_bytes(8, "big") for rank in order], "V32")
    places = place_voices(counts, ranks, percent, None)
    return [("train", "validation", "test")[place] for place in places]


def test_voices_of_equal_rarity_come_by_their_whole_rank() -> None:
    """Of one class with one clip each: the first goes to the largest share, and the last bytes of a rank decide."""
    alike = [[("go", 1)]] * 4
    assert placed(alike, (50.0, 0.0, 50.0), [3, 0, 2, 1]) == ["test", "train", "train", "test"]
    assert placed(alike, (50.0, 0.0, 50.0), [0, 1, 2, 3]) == ["train", "test", "train", "test"]
    assert placed([[("go", 1)], [], [("go", 0)], [("go", 1)]], (50.0, 0.0, 50.0), [0, 1, 2, 3]) == [
        "train", "train", "train", "test",
    ]  # fmt: skip
    assert placed([], (80.0, 10.0, 10.0), []) == [] and placed([[]], (10.0, 80.0, 10.0), [0]) == ["validation"]


def test_a_split_of_no_per_cent_gets_nobody_not_even_of_words_held_for_it() -> None:
    clips = {f"s{n}": {"go": 1, "rare": n % 2} for n in range(30)}
    split_of = percent_splits(clips, (70.0, 30.0, 0.0), 0, {"rare": "test"})
    assert set(split_of.values()) == {"train", "validation"}
    assert split_of == percent_splits(clips, (70.0, 30.0, 0.0), 0)


@pytest.mark.parametrize("percent", [(80.0, 20.0), (70.0, 10.0, 10.0, 10.0)])
def test_percentages_are_three(percent: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="zip"):
        percent_splits({"s": {"go": 1}}, percent, 0)
