"""Sound files between near silence: how much of it, what is heard in pieces, and what became of the files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from tone_words import RATE, SETTINGS, clip, noise, spotter

from kws_tfmot.data.levels import SoundLevels
from kws_tfmot.data.sound_pieces import survey
from kws_tfmot.detection.detector import NEVER
from kws_tfmot.evaluation.streaming.cascade import Cascade, Look
from kws_tfmot.evaluation.streaming.heard_files import Readings, context_seconds, hear_file, hear_files, near_silence
from kws_tfmot.evaluation.streaming.tally import Tally


def test_context_is_the_window_and_the_average_and_two_seconds_of_a_state() -> None:
    model = spotter(stride=5, window=2)
    average = 5 * 2 * SETTINGS.hop_ms
    assert context_seconds(model) == (500 + average) / 1000
    assert context_seconds(replace(model, stateful=True)) == (2000 + average) / 1000
    longer = replace(model.contract, frontend=SETTINGS.model_copy(update={"clip_ms": 3000}))
    assert context_seconds(replace(model, contract=longer, stateful=True)) == (3000 + average) / 1000


def levels(floor: float) -> SoundLevels:
    return SoundLevels(1.0, 0.5, -20.0, -10.0, floor, 0.0, 0.0)


@pytest.mark.parametrize(("floor", "level"), [(-90.0, -84), (-84.0, -84), (-70.0, -70), (-60.0, -60), (-20.0, -60)])
def test_near_silence_is_white_noise_at_the_floor_within_bounds(floor: float, level: float) -> None:
    for seed in (0, 3):
        wave = np.random.default_rng(seed).normal(0.0, 2**15 * 10 ** (level / 20), 999)
        found = near_silence(levels(floor), 999, **({"seed": seed} if seed else {}))
        np.testing.assert_array_equal(found, np.rint(wave))
        assert found.dtype == np.int16


def test_a_file_is_heard_between_two_contexts_by_its_keywords_alone(tmp_path: Path) -> None:
    sound = np.concatenate([noise(RATE, 1), clip("low", 1), noise(RATE // 2, 2)])
    soundfile.write(tmp_path / "a.wav", sound, RATE)
    model = spotter()
    found, odd, pieces = hear_file(model, tmp_path / "a.wav")
    scores = list(pieces)
    assert len(scores) >= 3 and all(piece.dtype == np.uint16 and piece.shape[1] == 2 for piece in scores)  # type: ignore
    context = near_silence(found, round(context_seconds(model) * RATE))
    whole = np.concatenate([context, sound, context])
    expected = model.plan.smooth(model.outputs(whole))[:, :2]
    np.testing.assert_array_equal(np.concatenate(scores), expected)
    assert found == survey(tmp_path / "a.wav").levels and odd == []


def test_a_file_far_above_full_scale_is_scaled_down_and_called_odd(tmp_path: Path) -> None:
    sound = clip("low", 1).astype(np.float64) / 2**15
    soundfile.write(tmp_path / "loud.wav", sound * 100, RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "full.wav", sound / np.abs(sound).max(), RATE, subtype="FLOAT")
    _, odd, loud = hear_file(spotter(), tmp_path / "loud.wav")
    _, _, full = hear_file(spotter(), tmp_path / "full.wav")
    assert any("scaled down" in text for text in odd)
    found, expected = (np.concatenate(list(pieces)).astype(int) for pieces in (loud, full))
    assert np.abs(found - expected).max() < 200  # of 32768; the contexts' noise differs by a rounding


def test_two_models_as_one_give_their_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []

    class Stream:
        def __init__(self, cascade: object) -> None:
            assert cascade is both

        def push(self, samples: np.ndarray) -> list[Look]:
            taken.append(len(samples))
            return [Look(len(taken), 0, [], np.zeros((0, 1)))]

        def finish(self) -> list[Look]:
            return [Look(99, 0, [], np.zeros((0, 1)))]

    both = object.__new__(Cascade)
    object.__setattr__(both, "first", spotter())
    object.__setattr__(both, "second", spotter(window=4))
    monkeypatch.setattr("kws_tfmot.evaluation.streaming.heard_files.LookStream", Stream)
    soundfile.write(tmp_path / "a.wav", clip("low", 1), RATE)
    _, _, pieces = hear_file(both, tmp_path / "a.wav")
    wakes = [look.wake for piece in pieces for look in piece]  # type: ignore[union-attr]
    context = round(context_seconds(both) * RATE)
    assert context_seconds(both) == context_seconds(spotter(window=4))
    assert taken == [context, len(clip("low", 1)), context] and wakes == [1, 2, 3, 99]


def test_what_became_of_each_file_is_kept(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.concatenate([clip("low", 1)] * 2), RATE)
    soundfile.write(tmp_path / "b.wav", np.zeros(RATE // 4, np.int16), RATE)
    (tmp_path / "c.wav").write_bytes(b"RIFF")
    advanced: list[int] = []

    class Reporter:
        def task(self, what: str, total: int | None) -> Any:
            told.append((what, total))
            return self

        def __enter__(self) -> Any:
            return SimpleNamespace(advance=lambda count=1: advanced.append(count))

        def __exit__(self, *error: object) -> None: ...

    readings, told = Readings(), []
    paths = [tmp_path / name for name in ("c.wav", "a.wav", "b.wav", "missing.wav")]
    found = [(path.name, seconds) for path, seconds, _ in hear_files(spotter(), iter(paths), readings, Reporter())]  # type: ignore
    assert found == [("a.wav", 1.0), ("b.wav", 0.25)]
    assert (readings.seconds, readings.read, len(advanced), told) == (1.25, 2, 4, [("listening", 4)])
    assert [name for name, _ in readings.unreadable] == [str(tmp_path / "c.wav"), str(tmp_path / "missing.wav")]
    assert readings.odd == [(str(tmp_path / "b.wav"), "digital silence: every sample is the same")]


def test_the_first_five_files_of_each_kind_are_named() -> None:
    rows = [(f"f{n}", f"r{n}") for n in range(6)]
    assert Readings().note() == [] and (Readings().seconds, Readings().read) == (0.0, 0)
    five = "f0: r0; f1: r1; f2: r2; f3: r3; f4: r4"
    assert Readings(unreadable=rows[:5]).note() == [f"5 files could not be read: {five}"]
    assert Readings(odd=rows[:1], unreadable=rows).note() == [
        f"6 files could not be read: {five}; ...", "1 files are odd: f0: r0",
    ]  # fmt: skip
    assert Readings(odd=rows).note(1) == ["6 files are odd: f0: r0; ..."]


def test_a_tally_counts_as_soon_as_it_holds_sixty_thousand_rows() -> None:
    plan = spotter(threshold=0.5, refractory=7).plan
    assert plan.thresholds[2:] == (NEVER, NEVER)
    tally = Tally(plan, [], 1)
    rows = np.zeros((59_000, 2), np.uint16)
    rows[100], rows[300, 1] = 32768, 20000
    tally.add(0, [rows, rows[:993]])  # and a gap of seven
    assert tally.counts.tolist() == [[[2, 2]]] and tally._held == 0
    tally.add(0, [rows])
    tally.add(0, [rows])  # beyond it too
    assert tally.counts.tolist() == [[[4, 4]]] and tally._held == 7
    shorter = Tally(plan, [], 1)
    shorter.add(0, [rows, rows[:992]])
    assert not shorter.counts.any() and shorter._held == 59_999
    assert shorter.finish().tolist() == shorter.finish().tolist() == [[[2, 2]]]
    assert Tally(plan, [1, 2], 3).finish().shape == (3, 3, 2)
