"""The training stream: balanced, reproducible from (seed, epoch), varied afresh every epoch."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kws_tfmot.data import (
    AugmentSettings,
    ClipIndex,
    DataSettings,
    TrainingBatches,
    feature_batches,
    prepare,
)
from kws_tfmot.data.epoch_plan import MADE_SILENCE, REVERSED, SPLICED
from kws_tfmot.errors import DataError, RecipeError
from tests.data.batch_support import CountingFrontend, batches_of

RATE = 16000


def _epoch(batches: TrainingBatches, number: int) -> tuple[np.ndarray, np.ndarray]:
    clips, labels = zip(*batches.epoch(number), strict=True)
    return np.concatenate(clips), np.concatenate(labels)


def test_batches_have_the_promised_shapes(index: ClipIndex) -> None:
    batches = batches_of(index)
    sizes = []
    for clips, labels in batches.epoch(0):
        assert clips.dtype == np.int16
        assert labels.dtype == np.int32
        assert clips.shape == (len(labels), RATE)
        sizes.append(len(labels))
    assert set(sizes[:-1]) == {16}
    assert sum(sizes) == batches.clips_per_epoch
    assert len(sizes) == batches.batches_per_epoch


def test_an_epoch_depends_on_seed_and_number_alone(index: ClipIndex) -> None:
    straight = batches_of(index)
    for number in range(3):
        last = _epoch(straight, number)
    resumed = _epoch(batches_of(index), 2)
    np.testing.assert_array_equal(last[0], resumed[0])
    np.testing.assert_array_equal(last[1], resumed[1])
    assert not np.array_equal(resumed[0], _epoch(straight, 3)[0])
    assert not np.array_equal(resumed[0], _epoch(batches_of(index, seed=1), 2)[0])


def test_the_batch_size_changes_no_clip(index: ClipIndex) -> None:
    np.testing.assert_array_equal(_epoch(batches_of(index), 5)[0], _epoch(batches_of(index, batch_size=7), 5)[0])


@pytest.mark.parametrize(("unknown", "silence"), [(1.0, 0.5), (2.0, 1.0), (0.0, 0.0)])
def test_classes_have_their_shares(index: ClipIndex, unknown: float, silence: float) -> None:
    settings = AugmentSettings.none(unknown_share=unknown, silence_share=silence)
    batches = batches_of(index, settings)
    _, labels = _epoch(batches, 0)
    counts = np.bincount(labels, minlength=4)
    assert counts[0] == counts[1] == 21
    assert counts[2] == pytest.approx(21 * unknown, abs=0.6)
    assert counts[3] == pytest.approx(21 * silence, abs=0.6)
    assert batches.class_counts() == dict(zip(index.labels, counts.tolist(), strict=True))


def test_an_epoch_of_given_size(index: ClipIndex) -> None:
    batches = batches_of(index, AugmentSettings(epoch_clips=500))
    assert batches.clips_per_epoch == pytest.approx(500, abs=2)


def test_without_variations_the_clips_are_the_recordings(index: ClipIndex) -> None:
    settings = AugmentSettings.none(silence_share=0.0)
    clips, labels = _epoch(batches_of(index, settings), 0)
    train = index.audio("train")
    known = {clip.tobytes(): label for clip, label in zip(train.audio, train.labels, strict=True)}
    assert [known[clip.tobytes()] for clip in clips] == labels.tolist()
    keyword = Counter(clip.tobytes() for clip, label in zip(clips, labels, strict=True) if label < 2)
    assert set(keyword.values()) == {1}, "every keyword clip once"


@pytest.mark.parametrize(("balance", "share"), [("clip", 0.1), ("sqrt", 0.25), ("word", 0.5)])
def test_rare_words_are_drawn_by_the_chosen_balance(
    make_folder: Callable[..., Path], tmp_path: Path, balance: str, share: float
) -> None:
    root = make_folder(tmp_path / "set", words=("go", "common"), speakers=45, noise_seconds=0)
    make_folder(root, words=("rare",), speakers=5, noise_seconds=0)
    settings = DataSettings(keywords=("go",), split="percent", percent=(100, 0, 0))
    index = prepare(f"folder:{root}", settings, tmp_path / "cache")
    augment = AugmentSettings.none(unknown_balance=balance, epoch_clips=1000, silence_share=0.0, unknown_share=9.0)
    batches = batches_of(index, augment)
    plan, _ = batches._plan(0)
    words = Counter(batches.clips.words[i] for i, label in zip(plan.first, plan.labels, strict=True) if label == 1)
    assert words["rare"] / sum(words.values()) == pytest.approx(share, abs=0.04)


def test_shifts_stay_in_their_bounds_and_use_them(index: ClipIndex) -> None:
    settings = AugmentSettings.none(shift_ms=100.0, silence_share=0.0, epoch_clips=400)
    clips, _ = _epoch(batches_of(index, settings), 0)
    power = clips.astype(float) ** 2
    centres = power @ np.arange(RATE) / power.sum(axis=1)
    assert np.abs(centres - 8000).max() < 1600 + 500
    assert centres.std() == pytest.approx(3200 / np.sqrt(12), rel=0.15)


def test_volume_covers_its_range(index: ClipIndex) -> None:
    settings = AugmentSettings.none(gain_db=(-20.0, 0.0), silence_share=0.0, epoch_clips=400)
    clips, _ = _epoch(batches_of(index, settings), 0)
    reference = index.audio("train").audio.astype(float)
    own = np.sqrt((reference**2).mean(axis=1))
    level = 20 * np.log10(np.sqrt((clips.astype(float) ** 2).mean(axis=1)) / own.mean())
    assert -21 < level.min() < -18
    assert -2 < level.max() < 1
    assert np.median(level) == pytest.approx(-10, abs=1.5)


def test_noise_is_mixed_as_often_and_as_loud_as_asked(index: ClipIndex) -> None:
    settings = AugmentSettings.none(
        noise_probability=0.5, noise_snr_db=(10.0, 10.0), silence_share=0.0, epoch_clips=400
    )
    clips, _ = _epoch(batches_of(index, settings), 0)
    edge = clips[:, :1600].astype(float).std(axis=1)
    noisy = edge > 50
    assert noisy.mean() == pytest.approx(0.5, abs=0.08)
    word = np.sort((clips.astype(float) ** 2).reshape(len(clips), 20, -1).mean(axis=2), axis=1)[:, -4:].mean(axis=1)
    ratio = 10 * np.log10(word[noisy] / edge[noisy] ** 2)
    assert np.median(ratio) == pytest.approx(10, abs=1.5)


def test_the_default_variations_change_every_clip_and_clip_few_samples(index: ClipIndex) -> None:
    batches = batches_of(index, AugmentSettings(silence_share=0.0))
    clips, _ = _epoch(batches, 0)
    originals = {clip.tobytes() for clip in index.audio("train").audio}
    assert sum(clip.tobytes() in originals for clip in clips) == 0
    assert (np.abs(clips.astype(int)) >= 32767).mean() < 0.01


def test_unknown_may_be_spliced_and_reversed_from_different_words(index: ClipIndex) -> None:
    settings = AugmentSettings.none(spliced_unknown=0.5, reversed_unknown=0.25, unknown_share=4.0, silence_share=0.0)
    batches = batches_of(index, settings)
    plan, _ = batches._plan(0)
    labels = batches.clips.labels
    unknown = plan.labels == 2
    assert (plan.kinds[unknown] == SPLICED).mean() == pytest.approx(0.5, abs=0.02)
    assert (plan.kinds[unknown] == REVERSED).mean() == pytest.approx(0.25, abs=0.02)
    spliced = plan.kinds == SPLICED
    assert (labels[plan.first[spliced]] != labels[plan.second[spliced]]).all()
    assert (np.minimum(labels[plan.first[spliced]], labels[plan.second[spliced]]) < 2).all()
    assert (plan.labels[spliced | (plan.kinds == REVERSED)] == 2).all()
    clips, _ = _epoch(batches, 0)
    place = int(np.flatnonzero(plan.kinds == REVERSED)[0])
    np.testing.assert_array_equal(clips[place], batches.clips.gather(plan.first[place : place + 1])[0][::-1])


def test_unknown_can_be_made_without_any_other_word(make_folder: Callable[..., Path], tmp_path: Path) -> None:
    root = make_folder(tmp_path / "set", words=("go", "stop"), speakers=20, noise_seconds=0)
    settings = DataSettings(keywords=("go", "stop"), split="percent", unknown_share=0.0)
    index = prepare(f"folder:{root}", settings, tmp_path / "cache")
    _, labels = _epoch(batches_of(index, AugmentSettings(spliced_unknown=0.3)), 0)
    assert (labels == 2).sum() == (labels == 0).sum()
    with pytest.raises(DataError, match="no training clip of another word"):
        list(batches_of(index, AugmentSettings.none()).epoch(0))


def test_silence_is_made_anew_every_epoch(index: ClipIndex) -> None:
    settings = AugmentSettings.none(silence_share=3.0, unknown_share=0.0)
    batches = batches_of(index, settings)
    kept = []
    for number in range(2):
        clips, labels = _epoch(batches, number)
        silence = clips[labels == 3]
        assert (batches._plan(number)[0].kinds == MADE_SILENCE).sum() == len(silence) == 63
        level = np.sqrt((silence.astype(float) ** 2).mean(axis=1))
        assert (level == 0).any()
        assert level.max() > 5000
        kept.append({clip.tobytes() for clip in silence if clip.any()})
    assert kept[0].isdisjoint(kept[1])


def test_silence_that_the_source_brings_is_half_of_it(
    make_folder: Callable[..., Path], write_clip: Callable[..., Path], small_settings: DataSettings, tmp_path: Path
) -> None:
    root = make_folder(tmp_path / "set", speakers=20)
    for number in range(60):
        clip = np.zeros(RATE, np.int16)
        clip[: number + 1] = 1234
        write_clip(root / "_silence_" / f"room_{number}.wav", clip)
    index = prepare(f"folder:{root}", small_settings, tmp_path / "cache")
    assert index.counts()["test"]["_silence_"] > 0
    clips, labels = _epoch(batches_of(index, AugmentSettings.none(silence_share=2.0)), 0)
    own = [clip for clip in clips[labels == 3] if clip[0] == 1234]
    assert len(own) == (labels == 3).sum() // 2


@pytest.mark.parametrize(
    "values",
    [
        {"gain_db": [3, -3]},
        {"noise_probability": 1.5},
        {"unknown_balance": "equal"},
        {"spliced_unknown": 0.6, "reversed_unknown": 0.6},
        {"shift": 100},
    ],
)
def test_settings_that_cannot_be_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(RecipeError, match=next(iter(values))):
        AugmentSettings.parse(values, "augment")


def test_wrong_classes_and_batch_sizes_are_refused(index: ClipIndex) -> None:
    with pytest.raises(DataError, match="expected the classes of the clips"):
        TrainingBatches(index.audio("train"), index.noise, ("a", "b"), AugmentSettings(), 8, 0)
    with pytest.raises(DataError, match="batch size"):
        batches_of(index, batch_size=0)


class TestFeatureEpochs:
    def test_ahead_of_time_and_on_demand_give_the_same(self, index: ClipIndex) -> None:
        ahead, frontend = [], CountingFrontend()
        with feature_batches(batches_of(index), frontend, last_epoch=3) as stream:
            ahead = [stream.epoch_features(number) for number in range(3)]
        baseline = feature_batches(batches_of(index), CountingFrontend(), prefetch=False)
        for number, (features, labels) in enumerate(ahead):
            expected = baseline.epoch_features(number)
            assert features.dtype == np.int8
            assert features.shape == (len(labels), 10, 4)
            np.testing.assert_array_equal(features, expected[0])
            np.testing.assert_array_equal(labels, expected[1])
        assert threading.current_thread().name not in frontend.threads

    def test_the_next_epoch_is_computed_while_the_current_one_is_used(self, index: ClipIndex) -> None:
        with feature_batches(batches_of(index), CountingFrontend()) as stream:
            stream.epoch_features(0)
            features, _ = stream._ahead[1].result(timeout=600)  # nobody has asked for it
            np.testing.assert_array_equal(features, stream.compute(1)[0])

    def test_epochs_may_be_asked_for_in_any_order(self, index: ClipIndex) -> None:
        with feature_batches(batches_of(index), CountingFrontend()) as stream:
            jumped = [stream.epoch_features(number)[0] for number in (4, 0, 2)]
        for number, features in zip((4, 0, 2), jumped, strict=True):
            np.testing.assert_array_equal(features, stream.compute(number)[0])

    @pytest.mark.parametrize("threads", [1, 3])
    def test_clips_do_not_depend_on_the_threads_that_make_them(self, index: ClipIndex, threads: int) -> None:
        found = feature_batches(
            batches_of(index, batch_size=4), CountingFrontend(), threads=threads, prefetch=False
        ).compute(1)
        clips, labels = zip(*batches_of(index).epoch(1), strict=True)
        np.testing.assert_array_equal(found[0], CountingFrontend().features(np.concatenate(clips)))
        np.testing.assert_array_equal(found[1], np.concatenate(labels))

    def test_a_failure_in_the_worker_is_raised_where_the_epoch_is_asked_for(self, index: ClipIndex) -> None:
        class Broken(CountingFrontend):
            def features(self, clips: np.ndarray, threads: int = 1) -> np.ndarray:
                calls.append(len(clips))
                if len(calls) > batches.batches_per_epoch:
                    raise RuntimeError("front end broke")
                return super().features(clips, threads)

        calls: list[int] = []
        batches = batches_of(index)
        with feature_batches(batches, Broken()) as stream:
            stream.epoch_features(0)
            with pytest.raises(RuntimeError, match="front end broke"):
                stream.epoch_features(1)

    def test_masks_are_applied_and_repeatable(self, index: ClipIndex) -> None:
        settings = AugmentSettings(time_masks=2, time_mask_frames=4)
        one = feature_batches(batches_of(index, settings), CountingFrontend(), prefetch=False).epoch_features(1)[0]
        two = feature_batches(batches_of(index, settings), CountingFrontend(), prefetch=False).epoch_features(1)[0]
        bare = feature_batches(batches_of(index), CountingFrontend(), prefetch=False).epoch_features(1)[0]
        np.testing.assert_array_equal(one, two)
        assert not np.array_equal(one, bare)


def test_other_words_are_cut_and_keywords_are_not(index: ClipIndex) -> None:
    still = AugmentSettings.none(spliced_unknown=0.0, reversed_unknown=0.0)
    cut = still.model_copy(update={"cut_unknown": 1.0})
    whole, moved = (dict(_by_place(batches_of(index, settings), 0)) for settings in (still, cut))
    unknown = index.labels.index("_unknown_")
    for place, (clip, label) in whole.items():
        same = np.array_equal(clip, moved[place][0])
        assert label == moved[place][1]
        if label < unknown:
            assert same
    others = [place for place, (clip, label) in whole.items() if label == unknown and clip.any()]
    changed = [place for place in others if not np.array_equal(whole[place][0], moved[place][0])]
    assert len(changed) > 0.9 * len(others) > 0


def _by_place(batches, epoch: int):
    clips, labels = (np.concatenate(parts) for parts in zip(*batches.epoch(epoch), strict=True))
    return enumerate(zip(clips, labels, strict=True))
