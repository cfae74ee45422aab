"""Counters and recorder beside what their documentation says, sample by sample."""

from __future__ import annotations

import io
import itertools
import struct
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from kws_tfmot.detection.counters import BINS, NEAR_MISS, TRIGGER, Event, Statistics
from kws_tfmot.detection.detector import NEVER, DetectorPlan
from kws_tfmot.detection.monitor import MonitorPlan
from kws_tfmot.detection.posterior import ONE
from kws_tfmot.detection.rearming import Detection
from kws_tfmot.detection.recorder import Recorder, Take, mulaw
from kws_tfmot.errors import RecipeError
from kws_tfmot.frontend.frontend_settings import FrontendSettings

PLAN = DetectorPlan(("a", "b", "_unknown_"), 5, 3, 4, 16384, (20000, 9001, NEVER), ())


class Counted:
    """The counters as the documentation has them: excursion by excursion."""

    def __init__(self, near: int) -> None:
        self.near = [max(1, level * near // ONE) for level in PLAN.thresholds[:2]]
        self.open: list[list[int]] = [[], []]  # scores of the excursion that goes on
        self.heard = [False, False]
        self.triggers, self.misses, self.best = [0, 0], [0, 0], [[0] * BINS, [0] * BINS]

    def step(self, scores: list[int], found: int | None) -> Event | None:
        """One inference; the event that the firmware acts on."""
        events = []
        for c, near in enumerate(self.near):
            if self.open[c] and scores[c] < near - near // 2 and scores[c] <= max(self.open[c]):
                best, self.open[c] = max(self.open[c]), []
                self.best[c][min(best * BINS // ONE, BINS - 1)] += 1
                if not self.heard[c] and best < PLAN.thresholds[c]:
                    self.misses[c] += 1
                    events.append(Event(NEAR_MISS, c, best))
                self.heard[c] = False
            elif self.open[c] or scores[c] >= near:
                self.open[c].append(scores[c])
        if found is not None:
            self.triggers[found] += 1
            self.heard[found] = True
            return Event(TRIGGER, found, scores[found])
        return max(events, key=lambda event: (event.score, -event.label), default=None)


@pytest.mark.parametrize("near", [1, 13107, 19661, ONE])
@pytest.mark.parametrize("seed", range(3))
def test_counters_count_excursions(seed: int, near: int) -> None:
    rng = np.random.default_rng(seed)
    walk = np.abs(np.cumsum(rng.integers(-4000, 4001, (600, 3)), axis=0)) % ONE
    rows = np.where(rng.random((600, 3)) < 0.1, rng.choice([0, ONE], (600, 3)), walk)
    statistics, counted = Statistics(PLAN, near), Counted(near)
    for number, row in enumerate(rows.tolist()):
        reached = [c for c in range(2) if row[c] >= PLAN.thresholds[c]]
        found = reached[0] if reached and rng.random() < 0.4 else None
        detection = None if found is None else Detection(number, found, row[found])
        assert statistics.step(np.array(row), detection) == counted.step(row, found), number
    assert statistics.inferences == 600
    assert [word.triggers for word in statistics.words] == [*counted.triggers, 0]
    assert [word.near_misses for word in statistics.words] == [*counted.misses, 0]
    assert [word.best for word in statistics.words] == [*counted.best, [0] * BINS]
    assert sum(map(sum, counted.best)) > 10


def test_of_two_near_misses_the_better_is_reported_and_both_count() -> None:
    statistics = Statistics(PLAN, ONE // 2)
    for a, b, event in ((11000, 8000, None), (0, 0, (0, 11000)), (10000, 9000, None), (0, 0, (0, 10000))):
        found = statistics.step(np.array([a, b, 0]), None)
        assert found == (event and Event(NEAR_MISS, *event))
    even = replace(PLAN, thresholds=(20000, 20000, NEVER))
    statistics = Statistics(even, ONE // 2)
    statistics.step(np.array([12000, 12000, 0]), None)
    assert statistics.step(np.array([0, 0, 0]), None) == Event(NEAR_MISS, 0, 12000)
    assert [word.near_misses for word in statistics.words] == [1, 1, 0]


def takes_in_words(calls: list, takes: int, length: int, after: int) -> list[Take]:
    """What a recorder keeps of ``calls``, samples or (event, frame): a take holds what was heard since the one before,
    at most ``length``, and ends ``after`` samples after its event."""
    heard: list[int] = []
    done: list[Take] = []
    waiting: tuple[Event, int, int] | None = None  # and the samples to come
    for call in calls:
        if isinstance(call, tuple):
            event, frame = call
            if waiting is None or (event.kind == TRIGGER and waiting[0].kind != TRIGGER):
                waiting = (event, frame, after)
            continue
        for byte in mulaw(call).tolist():
            heard.append(byte)
            if waiting:
                waiting = (*waiting[:2], waiting[2] - 1)
                if waiting[2] == 0:
                    done.append(Take(len(done), waiting[0], waiting[1], bytes(heard[-length:])))
                    heard, waiting = [], None
    return done[-takes:]


@pytest.mark.parametrize("seed", range(8))
def test_a_recorder_keeps_the_sound_around_events(seed: int) -> None:
    rng = np.random.default_rng(seed)
    takes, length, after = (int(rng.integers(*ends)) for ends in ((1, 4), (3, 40), (1, 30)))
    recorder, calls, completed = Recorder(takes, length, after), [], []
    for frame in range(60):
        samples = rng.integers(-32768, 32768, int(rng.integers(0, 25))).astype(np.int16)
        calls.append(samples)
        completed += recorder.push(samples)
        if rng.random() < 0.4:
            event = Event(int(rng.choice([TRIGGER, NEAR_MISS])), int(rng.integers(3)), frame)
            calls.append((event, frame))
            recorder.mark(event, frame)
    expected = takes_in_words(calls, 1000, length, after)
    assert completed == expected and len(expected) > 2
    assert list(recorder.takes) == expected[-takes:]


def test_every_sample_is_coded_as_g711_has_it() -> None:
    """ITU-T G.711: the segment is the position of the highest bit of ``|x| + 132``, four bits below it are kept."""
    samples = np.arange(-32768, 32768).astype(np.int16)
    coded = mulaw(samples)
    for x, byte in itertools.islice(zip(samples.tolist(), coded.tolist(), strict=True), 0, None, 37):
        size = min(abs(x), 32635) + 132
        segment = size.bit_length() - 8
        assert byte == 255 ^ ((0x80 if x < 0 else 0) | segment << 4 | (size >> (segment + 3)) & 15)


@pytest.mark.parametrize("size", [1, 2, 100])
def test_a_take_is_a_wav_file_of_mu_law(size: int) -> None:
    data = Take(3, Event(TRIGGER, 0, 5), 9, bytes(range(size))).wav(8000)
    assert data[:4] == b"RIFF" and struct.unpack("<I", data[4:8])[0] == len(data) - 8 and len(data) % 2 == 0
    info = soundfile.info(io.BytesIO(data))
    assert (info.samplerate, info.frames, info.channels, info.subtype) == (8000, size, 1, "ULAW")
    with io.BytesIO(data) as file:
        assert len(soundfile.read(file)[0]) == size
    assert data[58 : 58 + size] == bytes(range(size))
    assert struct.unpack("<IHHIIHH", data[16:36]) == (18, 7, 1, 8000, 8000, 1, 8)
    assert struct.unpack("<I", data[46:50])[0] == struct.unpack("<I", data[54:58])[0] == size


FRONTEND = FrontendSettings(clip_ms=900, sample_rate=8000, high_hz=4000)


def test_a_take_is_by_default_the_window_the_average_and_what_a_score_needs_to_fall() -> None:
    made = MonitorPlan.of(PLAN, FRONTEND, takes=2)
    assert made == MonitorPlan(round(0.6 * ONE), 2, (900 + 2 * 5 * 20 + 800 + 200) * 8, 200 * 8, 8000)
    given = MonitorPlan.of(PLAN, FRONTEND, takes=1, take_ms=333, after_ms=77, near=0.25)
    assert given == MonitorPlan(8192, 1, 333 * 8, 77 * 8, 8000)
    assert MonitorPlan.of(PLAN, FRONTEND).takes == 0


def test_bytes_are_those_of_slots_and_counts() -> None:
    """A take more than is kept, 20 bytes each besides its sound; counts of 4 bytes, a score of 2 and a flag."""
    made = MonitorPlan(1, 3, 1000, 10, 8000)
    assert made.recorder_bytes == 4 * 1020
    assert replace(made, takes=0).recorder_bytes == 0
    assert made.statistics_bytes(5) == 5 * (4 * 18 + 2 + 1)


@pytest.mark.parametrize(
    ("given", "fits"),
    [
        ({"takes": 0}, True), ({"takes": -1}, False), ({"takes": 100}, True), ({"takes": 101}, False),
        ({"take_ms": 100, "after_ms": 1}, True), ({"take_ms": 99, "after_ms": 1}, False),
        ({"take_ms": 20_000}, True), ({"take_ms": 20_001}, False),
        ({"take_ms": 500, "after_ms": 500}, True), ({"take_ms": 500, "after_ms": 501}, False), ({"after_ms": 0}, False),
        ({"near": 1.0}, True), ({"near": 1.001}, False), ({"near": 0.0}, False), ({"near": 1e-9}, True),
    ],
)  # fmt: skip
def test_bounds_are_inclusive(given: dict[str, float], fits: bool) -> None:
    if fits:
        assert MonitorPlan.of(PLAN, FRONTEND, **given).near >= 1
        return
    with pytest.raises(RecipeError, match="Received"):
        MonitorPlan.of(PLAN, FRONTEND, **given)
