"""Counters and recorder: the C equals Python, a take plays, and a firmware without them is as it was."""

from __future__ import annotations

import io
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from firmware_export.emulation.detector_c import detector_files
from firmware_export.emulation.example import example_files, export_example, plan_of, run_example
from firmware_export.engine import build
from kws_tfmot.detection.counters import NEAR_MISS, TRIGGER, Event, Statistics
from kws_tfmot.detection.detection_settings import DetectionSettings
from kws_tfmot.detection.detector import NEVER, Detector, DetectorPlan
from kws_tfmot.detection.monitor import MonitorPlan
from kws_tfmot.detection.posterior import exponential_table
from kws_tfmot.detection.recorder import Recorder, mulaw
from kws_tfmot.errors import RecipeError
from pipelines.experiments.device_bench import sweep
from tests.firmware_export.test_detector import scores
from tests.firmware_export.test_engine_example import CONTRACT, listener

PROGRAM = Path(__file__).parent / "monitor_program.c"
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]
PLAN = DetectorPlan(("a", "b", "_unknown_"), 5, 3, 4, 20000, (22000, 18000, NEVER), exponential_table(0.05))
MONITOR = MonitorPlan(near=19661, takes=3, take_samples=997, after_samples=150, rate=16000)
HOP = 101


def on_the_desktop(rows: np.ndarray, pcm: np.ndarray) -> tuple[Statistics, Recorder]:
    detector, statistics = Detector(PLAN), Statistics(PLAN, MONITOR.near)
    recorder = Recorder(MONITOR.takes, MONITOR.take_samples, MONITOR.after_samples)
    for n, row in enumerate(rows):
        if n in (150, 400):
            detector.set_sensitivity(40 if n == 150 else -25)
            statistics.plan = detector.plan
        recorder.push(pcm[n * HOP : (n + 1) * HOP])
        found = detector.step(row)
        event = statistics.step(detector.scores, found)
        if event:
            recorder.mark(event, n)
    return statistics, recorder


def test_c_counts_and_keeps_what_python_does(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows = np.concatenate([scores(PLAN, seed, 150) for seed in range(4)])
    pcm = np.clip(rng.normal(0, 15000, len(rows) * HOP), -32768, 32767).astype(np.int16)
    rows.tofile(tmp_path / "outputs.bin")
    pcm.tofile(tmp_path / "pcm.bin")
    for name, text in detector_files(PLAN, MONITOR).items():
        (tmp_path / name).write_text(text)
    sources = sorted(path.name for path in tmp_path.glob("*.c"))
    command = ["gcc", "-std=c99", "-O1", *STRICT, "-fsanitize=undefined,address", "-fno-sanitize-recover=all", "-I."]
    subprocess.run([*command, "-o", "program", PROGRAM, *sources], cwd=tmp_path, check=True)
    subprocess.run([tmp_path / "program", str(HOP)], cwd=tmp_path, check=True)
    statistics, recorder = on_the_desktop(rows, pcm)
    counts = [n for word in statistics.words for n in (word.triggers, word.near_misses, *word.best)]
    kept = b"".join(
        np.array([take.number, *take.event, take.frame, len(take.sound)], "<u4").tobytes() + take.wav(16000)
        for take in recorder.takes
    )
    assert (tmp_path / "out.bin").read_bytes() == np.array(counts, "<u4").tobytes() + kept
    assert len(recorder.takes) == MONITOR.takes and recorder.takes[-1].number > 10
    assert all(word.triggers > 5 and word.near_misses > 2 for word in statistics.words[:2])
    assert statistics.words[2].best == [0] * 16 and statistics.inferences == len(rows)


def test_an_excursion_is_one_near_miss_and_a_word_that_triggers_none() -> None:
    plan = replace(PLAN, labels=("a",), thresholds=(20000,))
    statistics = Statistics(plan, 16384)  # near from 10000 on, over below 5000
    seen = [statistics.step(np.array([score]), None) for score in (9999, 10001, 6000, 14000, 5000, 4999, 12000)]
    assert seen == [None] * 5 + [Event(NEAR_MISS, 0, 14000), None]
    detector = Detector(replace(plan, window=1, refractory=1, table=()))
    for output in (127, 127, -128, 60, -128):
        found = detector.step(np.array([output], np.int8))
        statistics.step(detector.scores, found)
    assert (statistics.words[0].triggers, statistics.words[0].near_misses) == (2, 1)
    assert sum(statistics.words[0].best) == 3


def test_a_take_plays_and_ends_after_its_event() -> None:
    sound = (12000 * np.sin(np.arange(3000) / 7)).astype(np.int16)
    recorder = Recorder(2, 1000, 200)
    recorder.push(sound[:2000])
    recorder.mark(Event(NEAR_MISS, 1, 9000), 7)
    recorder.mark(Event(TRIGGER, 0, 30000), 8)  # outranks it
    recorder.mark(Event(NEAR_MISS, 1, 9000), 9)
    assert not recorder.push(sound[2000:2199])
    (take,) = recorder.push(sound[2199:])
    assert take.event == Event(TRIGGER, 0, 30000) and take.frame == 8
    samples, rate = soundfile.read(io.BytesIO(take.wav(16000)), dtype="int16")
    assert rate == 16000 and len(samples) == 1000
    assert np.abs(samples.astype(int) - sound[1200:2200]).max() <= 12000 / 32
    everything = np.arange(-32768, 32768, dtype=np.int32).astype(np.int16)
    coded = io.BytesIO()
    soundfile.write(coded, everything, 16000, subtype="ULAW", format="RAW")
    assert np.mean(np.frombuffer(coded.getvalue(), np.uint8) == mulaw(everything)) > 0.98  # libsndfile rounds elsewhere


@pytest.mark.parametrize(
    "given", [{"takes": -1}, {"takes": 101}, {"take_ms": 50}, {"near": 0.0}, {"near": 1.5}, {"after_ms": 99999}]
)
def test_what_cannot_be_kept_is_refused(given: dict[str, float]) -> None:
    with pytest.raises(RecipeError, match="Received"):
        MonitorPlan.of(PLAN, CONTRACT.frontend, **given)


def test_it_is_off_unless_asked_for_and_says_what_it_takes(tmp_path: Path) -> None:
    engine = build(listener(), labels=CONTRACT.labels)
    off = example_files(engine, CONTRACT, plan_of(engine, listener(), CONTRACT))
    assert not [name for name in off if "recorder" in name or "statistics" in name]
    assert "KWS_STATISTICS" not in off["kws_detector_constants.h"]
    export_example(listener(), tmp_path, CONTRACT, "mps2-an386", monitor={"takes": 2, "take_ms": 1000})
    assert "#define KWS_RECORDER_BUFFER_BYTES 48060 " in (tmp_path / "kws_detector_constants.h").read_text()
    assert "48,060 bytes of RAM" in (tmp_path / "README.md").read_text()


@pytest.mark.device
@pytest.mark.parametrize("takes", [0, 2])
def test_a_board_counts_and_keeps_what_the_desktop_does(takes: int) -> None:
    patient = replace(CONTRACT, detection=DetectionSettings(threshold=0.5, smoothing_ms=200, refractory_ms=300))
    monitor = {"takes": takes, "take_ms": 500, "after_ms": 100}
    baseline = run_example(listener(), sweep(2), patient)
    report = run_example(listener(), sweep(2), patient, monitor=monitor)
    assert baseline.same_as_host and report.same_as_host and len(report.heard) > 1
    plan = MonitorPlan(1, takes, 8000, 1600, 16000)
    more = report.ram_bytes - baseline.ram_bytes
    assert 0 <= more - plan.statistics_bytes(4) - plan.recorder_bytes < 400  # contexts, and a page for reading
