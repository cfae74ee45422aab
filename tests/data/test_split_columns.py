"""Splitting by columns alone, no sound file read: each rule beside what it says, clip by clip."""

from __future__ import annotations

import hashlib
from collections import defaultdict

import numpy as np
import pytest

from kws_tfmot.data import DataSettings
from kws_tfmot.data.clip_folder import clip_key
from kws_tfmot.data.held_out_words import held_out_words
from kws_tfmot.data.labels import SILENCE, SPLITS, UNKNOWN
from kws_tfmot.data.source_table import SPLIT_CODES, SourceClip, table_of
from kws_tfmot.data.speakers import official_split, percent_splits
from kws_tfmot.data.splits import (
    DROPPED,
    TEST,
    TRAIN,
    VALIDATION,
    LabelledClips,
    assign_splits,
    by_percent,
    crossing_speakers,
    drop_crossing_audio,
    held_words,
    labelled,
    misplaced,
    missing_classes,
    official_splits,
)
from kws_tfmot.errors import DataError

KEYWORDS = ("go", "stop")
OTHERS = tuple(f"word{number}" for number in range(8))


def clips_of(speakers: int = 60, words: tuple[str, ...] = (*KEYWORDS, *OTHERS), **more: object) -> list[SourceClip]:
    return [
        SourceClip(f"{word}/{n:08x}_nohash_{take}.wav", word, f"{n:08x}", **more)  # type: ignore[arg-type]
        for n in range(speakers)
        for word in words
        for take in range(1 + n % 2)
    ]


def columns(clips: list[SourceClip], same: list[int] | None = None) -> LabelledClips:
    return labelled(table_of(clips), KEYWORDS, None if same is None else np.array(same))


def names(splits: np.ndarray) -> list[str]:
    return ["dropped" if code == DROPPED else SPLIT_CODES[code] for code in splits.tolist()]


def settings(**values: object) -> DataSettings:
    return DataSettings(keywords=KEYWORDS, **values)  # type: ignore[arg-type]


def test_the_numbers_of_splits_rise_with_how_well_they_are_kept() -> None:
    assert 0 <= SPLIT_CODES.index("") < TRAIN < VALIDATION < TEST
    assert [SPLIT_CODES[code] for code in (TRAIN, VALIDATION, TEST)] == list(SPLITS) and DROPPED < 0


def test_clips_bear_their_class_and_empty_sameness_of_their_own() -> None:
    found = columns([SourceClip(f"{w}/1.wav", w, "s") for w in ("stop", "cat", SILENCE, UNKNOWN, "go")])
    assert [found.names[code] for code in found.labels] == ["stop", UNKNOWN, SILENCE, UNKNOWN, "go"]
    assert found.unknown.tolist() == [False, True, False, True, False] and found.same.tolist() == list(range(5))
    assert found != columns([]) and len({found, found.take(np.arange(5))}) == 2  # each is itself alone
    part = found.take(np.array([4, 1]))
    assert (part.table[0].word, part.labels.tolist(), part.same.tolist()) == ("go", [0, 2], [4, 1])


def test_lists_decide_where_there_are_any_and_else_the_published_rule() -> None:
    clips = clips_of(30) + [SourceClip(f"{'go/' * (n % 2)}take {n}.wav", "go", "") for n in range(60)]
    listed = {clip_key(clip.path): ("test", "validation")[n % 2] for n, clip in enumerate(clips) if n % 3 == 0}
    assert names(official_splits(table_of(clips), listed)) == [
        listed.get(clip_key(clip.path), "train") for clip in clips
    ]
    rule = [official_split(clip.speaker or clip.path.rsplit("/", 1)[-1]) for clip in clips]
    assert names(official_splits(table_of(clips), {})) == rule
    assert set(rule[-60:]) == set(SPLITS)


@pytest.mark.parametrize("held", [None, {"word3": "test", "word5": "validation"}])
@pytest.mark.parametrize("percent", [(80.0, 10.0, 10.0), (50.0, 0.0, 50.0)])
def test_percentages_place_every_speaker_as_the_rule_does(held: dict | None, percent: tuple) -> None:
    """The same as :func:`percent_splits` of each voice's clips by class; with held-out words by word."""
    clips = clips_of(40) + [SourceClip(f"go/take {n}.{kind}", "go", "") for n in range(20) for kind in ("wav", "flac")]
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for clip in clips:
        label = clip.word if clip.word in KEYWORDS or held else UNKNOWN
        counts[clip.speaker or f"clip:{clip_key(clip.path)}"][label] += 1
    expected = percent_splits(counts, percent, 7, held)
    found = names(by_percent(columns(clips), percent, 7, held))
    assert found == [expected[clip.speaker or f"clip:{clip_key(clip.path)}"] for clip in clips]


@pytest.mark.parametrize("seed", range(5))
def test_of_identical_audio_the_most_protected_copies_stay(seed: int) -> None:
    rng = np.random.default_rng(seed)
    splits = rng.choice([TRAIN, VALIDATION, TEST], 300).astype(np.int8)
    same = rng.integers(-1, 120, 300)
    order = {TEST: 0, VALIDATION: 1, TRAIN: 2}
    kept = []
    for split, group in zip(splits.tolist(), same.tolist(), strict=True):
        best = min(order[other] for other, its in zip(splits.tolist(), same.tolist(), strict=True) if its == group)
        kept.append(split if group < 0 or order[split] == best else DROPPED)
    assert drop_crossing_audio(splits, same).tolist() == kept
    assert drop_crossing_audio(splits[:0], same[:0]).tolist() == []


def test_classes_that_a_split_lacks_are_named_and_silence_is_never_missed() -> None:
    clips = columns([SourceClip(f"{word}/1.wav", word, "s") for word in ("go", "stop", "cat", "go")])
    splits = np.array([TRAIN, TRAIN, TEST, TEST], np.int8)
    assert missing_classes(clips, splits, settings(), SPLITS) == {
        "train": [UNKNOWN], "validation": ["go", "stop", UNKNOWN], "test": ["stop"],
    }  # fmt: skip
    assert missing_classes(clips, splits, settings(unknown_share=0), ["train"]) == {}


def test_words_are_held_out_by_their_clips_in_each_split() -> None:
    clips = clips_of(20)
    splits = official_splits(table_of(clips), {})
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for clip, split in zip(clips, names(splits), strict=True):
        if clip.word in OTHERS:
            counts[clip.word][split] += 1
    known = settings(held_out_words=0.3, seed=4)
    assert held_words(columns(clips), splits, known) == held_out_words(counts, 0.3, 4)
    blind = {word: {"": sum(each.values())} for word, each in counts.items()}
    assert held_words(columns(clips), None, known) == held_out_words(blind, 0.3, 4)
    own = [clip._replace(recorded=clip.word in OTHERS[:3]) for clip in clips]
    for seed in range(6):
        held = held_words(columns(own), splits, settings(held_out_words=0.5, seed=seed))
        assert held and not set(held) & set(OTHERS[:3])
    nameless = [*clips, SourceClip(f"{UNKNOWN}/x.wav", UNKNOWN, "x")]
    assert held_words(columns(nameless), None, known) == {}
    dropped = splits.copy()
    dropped[[clip.word == "word1" for clip in clips]] = DROPPED
    assert held_words(columns(clips), dropped, known) == held_out_words(
        counts | {"word1": {"": sum(counts["word1"].values())}}, 0.3, 4
    )


def test_a_clip_of_a_held_out_word_is_misplaced_outside_its_split() -> None:
    clips = [SourceClip(f"{word}/{n}.wav", word, "s") for word in ("go", "cat", "dog") for n in range(3)]
    splits = np.array([TRAIN, VALIDATION, TEST] * 3, np.int8)
    found = misplaced(columns(clips), splits, {"cat": "test", "go": "test"})
    assert found.tolist() == [False] * 3 + [True, True, False] + [False] * 3
    assert not misplaced(columns(clips), splits, {}).any()
    trained = misplaced(columns(clips), splits, {"dog": "train"})
    assert trained.tolist() == [False] * 6 + [False, True, True]


def test_splits_of_the_source_are_taken_as_they_are() -> None:
    clips = [clip._replace(split=official_split(clip.speaker)) for clip in clips_of()]
    for mode in ("auto", "official"):
        found = assign_splits(columns(clips), {}, settings(split=mode))
        assert names(found.splits) == [clip.split for clip in clips] and found.notes == []
        assert found.held == held_words(columns(clips), found.splits, settings())
    one = [clip._replace(split="" if n == 5 else clip.split) for n, clip in enumerate(clips)]
    assert "SHA-1" in assign_splits(columns(one), {}, settings()).notes[0]
    torn = [clip._replace(split="test" if n == 0 else "train") for n, clip in enumerate(clips)]
    with pytest.raises(DataError, match=r"the set's own splits put 1 speakers into two splits: \['00000000'\]"):
        assign_splits(columns(torn), {}, settings())
    by_hash = assign_splits(columns(torn), {}, settings(split="percent"))
    assert by_hash.notes == ["split by speaker hash, 80 / 10 / 10 % for train / validation / test"]


def test_the_rule_and_lists_are_said_and_lists_that_lack_a_class_are_not_used() -> None:
    clips = clips_of()
    rule = assign_splits(columns(clips), {}, settings())
    assert rule.notes == ["split by the SHA-1 of the speaker (10 % / 10 %)"]
    assert names(rule.splits) == [official_split(clip.speaker) for clip in clips]
    listed = {clip_key(clip.path): official_split(clip.speaker[::-1]) for clip in clips}
    lists = assign_splits(columns(clips), listed, settings())
    assert lists.notes == ["split by the list files"] and names(lists.splits) == list(listed.values())
    lacking = {key: split for key, split in listed.items() if not (split == "test" and key.startswith("stop"))}
    torn = assign_splits(columns(clips), lacking, settings()).notes[0]
    assert torn.startswith("split by speaker hash") and "the list files put" in torn and "into two splits" in torn
    with pytest.raises(DataError, match="the split lists put"):
        assign_splits(columns(clips), lacking, settings(split="official"))
    empty = {key: "validation" if split == "test" else split for key, split in listed.items()}
    (note,) = assign_splits(columns(clips), empty, settings()).notes
    assert note.endswith(f": the official rule leaves test without go, stop, {UNKNOWN}")
    with pytest.raises(DataError, match=f"test has no clip of go, stop, {UNKNOWN}"):
        assign_splits(columns(clips), empty, settings(split="official"))


def test_a_split_of_no_per_cent_is_not_asked_for_and_holds_no_word_out() -> None:
    found = assign_splits(columns(clips_of()), {}, settings(split="percent", percent=(60, 0, 40), seed=3))
    assert set(names(found.splits)) == {"train", "test"} and set(found.held.values()) == {"test"}
    assert "60 / 0 / 40 %" in found.notes[0]
    expected = by_percent(columns(clips_of()), (60, 0, 40), 3, found.held)
    np.testing.assert_array_equal(found.splits, expected)


def test_copies_that_are_left_out_are_counted_and_named() -> None:
    clips = clips_of()
    rule = [official_split(clip.speaker) for clip in clips]
    first = {split: rule.index(split) for split in SPLITS}
    second = rule.index("train", first["train"] + 1)
    same = list(range(len(clips)))
    for place in (*first.values(), second):
        same[place] = first["train"]
    found = assign_splits(columns(clips, same), {}, settings())
    gone = sorted([first["train"], second, first["validation"]])
    assert [place for place, split in enumerate(names(found.splits)) if split == "dropped"] == gone
    said = f"3 clips left out because the same audio lies in another split: {[clips[place].path for place in gone]}"
    assert found.notes[1] == said
    assert found.splits[first["test"]] == TEST
    every = [0 if clip.word == "go" else 1 + n for n, clip in enumerate(clips)]
    lost = sum(clip.word == "go" and split != "test" for clip, split in zip(clips, rule, strict=True))
    with pytest.raises(DataError, match=rf"train has no clip of go.*\({lost} clips were duplicates"):
        assign_splits(columns(clips, every), {}, settings(split="official"))
    (note, *_) = assign_splits(
        columns(clips, [0 if n in first.values() else n + 1 for n in same]), {}, settings()
    ).notes
    assert "SHA-1" in note


def test_another_seed_ranks_speakers_anew() -> None:
    """The order is that of SHA-256 of ``seed:name``: with one clip each the first speakers of it train."""
    clips = [SourceClip(f"go/{n}_nohash_0.wav", "go", f"s{n}") for n in range(10)]
    for seed in (0, 1):
        splits = names(by_percent(columns(clips), (80.0, 10.0, 10.0), seed))
        order = sorted(range(10), key=lambda n: hashlib.sha256(f"{seed}:s{n}".encode()).digest())
        expected = percent_splits({f"s{n}": {"go": 1} for n in order}, (80, 10, 10), seed)
        assert splits == [expected[f"s{n}"] for n in range(10)]


def test_messages_name_five_speakers_and_three_copies_at_most() -> None:
    clips = [clip._replace(split="test" if n % 2 else "train") for n, clip in enumerate(clips_of(9, ("go", "stop")))]
    torn = sorted({clip.speaker for clip in clips})
    with pytest.raises(DataError) as refusal:
        assign_splits(columns(clips), {}, settings(unknown_share=0))
    assert f"put {len(torn)} speakers into two splits: {torn[:5]}" in str(refusal.value)
    clips = clips_of()
    rule = [official_split(clip.speaker) for clip in clips]
    same = list(range(len(clips)))
    copies = [n for n, split in enumerate(rule) if split == "train"][:5]
    for place in copies:
        same[place] = rule.index("test")
    (_, note) = assign_splits(columns(clips, same), {}, settings()).notes
    assert note == (
        f"5 clips left out because the same audio lies in another split: {[clips[place].path for place in copies[:3]]}"
    )


@pytest.mark.parametrize("speakers", [3, 40])
def test_speakers_in_two_or_three_splits_are_named_in_order(speakers: int) -> None:
    rng = np.random.default_rng(speakers)
    clips = [SourceClip(f"go/{n}.wav", "go", f"s{rng.integers(speakers)}" if n % 5 else "") for n in range(150)]
    splits = np.where(rng.random(150) < 0.7, TRAIN, rng.choice([VALIDATION, TEST], 150)).astype(np.int8)
    splits_of: dict[str, set[int]] = defaultdict(set)
    for clip, split in zip(clips, splits.tolist(), strict=True):
        splits_of[clip.speaker].add(split)
    wanted = sorted(name for name, own in splits_of.items() if name and len(own) > 1)
    assert wanted and crossing_speakers(table_of(clips), splits) == wanted


def test_a_set_without_clips_has_no_splits() -> None:
    empty = columns([])
    assert (
        by_percent(empty, (80.0, 10.0, 10.0), 0).tolist() == crossing_speakers(empty.table, np.zeros(0, np.int8)) == []
    )


@pytest.mark.parametrize("percent", [(80.0, 20.0), (70.0, 10.0, 10.0, 10.0)])
def test_there_are_three_percentages(percent: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="zip"):
        by_percent(columns(clips_of(9)), percent, 0)
