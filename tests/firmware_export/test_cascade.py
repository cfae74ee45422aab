"""Two networks in one firmware: they link, decide as the desktop does, and say only what both heard."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from firmware_export.emulation.cascade_firmware import Pair, export_cascade, open_pair, run_cascade
from firmware_export.graphs.graph_writer import GraphWriter
from kws_tfmot.contract import ModelContract
from kws_tfmot.data import DataSettings
from kws_tfmot.detection.detection_settings import DetectionSettings
from kws_tfmot.errors import ModelError, RecipeError
from kws_tfmot.evaluation.streaming.cascade import Cascade, LookStream, LookTally
from kws_tfmot.evaluation.streaming.heard_files import context_seconds
from kws_tfmot.frontend.frontend_settings import FrontendSettings
from pipelines.experiments.device_bench import sweep

BOARDS = Path(__file__).parents[2] / "firmware_export/boards"
HOST = Path(__file__).parent / "host_board.c"
LABELS = (("_silence_", "low", "high"), ("high", "middle", "low", "_unknown_"))
DETECTION = DetectionSettings(threshold=0.45, release=0.9, smoothing_ms=60, refractory_ms=200, stride_ms=40)


def contract(number: int, clip_ms: int) -> ModelContract:
    settings = FrontendSettings(clip_ms=clip_ms)
    return ModelContract(LABELS[number], settings, DataSettings(clip_ms=clip_ms), DETECTION)


def network(number: int, settings: FrontendSettings) -> bytes:
    """A convolution over all of time and frequency whose answer changes with what is heard."""
    rng = np.random.default_rng(3 + number)
    frames, features = settings.feature_shape
    classes = len(LABELS[number])
    w = GraphWriter()
    x = w.activation((1, frames, features, 1), settings.scale, settings.zero_point)
    y = w.activation((1, 1, 1, classes), 0.1, 0)
    weights = rng.integers(-127, 128, (classes, frames, features, 1))
    w.operator("CONV_2D", [x, w.weights(weights, np.array([0.002], np.float32), 0), -1], [y], padding="VALID",
               stride_h=1, stride_w=1)  # fmt: skip
    logits = w.activation((1, classes), 0.1, 0)
    w.operator("RESHAPE", [y, w.constant(np.array([1, classes], np.int32))], [logits], new_shape=np.array([1, classes]))
    return w.finish([x], [logits])


CONTRACTS = contract(0, 300), contract(1, 420)
MODELS = network(0, CONTRACTS[0].frontend), network(1, CONTRACTS[1].frontend)


def pair(stream: bool = False, **look: int) -> Pair:
    return Pair.of(*MODELS, CONTRACTS, look=look, stream=stream)


def on_this_computer(one: Pair, samples: np.ndarray, folder: Path) -> list[tuple[int, str, int]]:
    """What the firmware prints, built by the host's compiler with sanitizers."""
    for name, text in one.files().items():
        (folder / name).write_text(text)
    samples.tofile(folder / "pcm.bin")
    sources = sorted(path.name for path in folder.glob("*.c"))
    command = ["gcc", "-std=c99", "-O0", "-Wall", "-Wextra", "-Wno-unused-function", "-Werror", "-I.", f"-I{BOARDS}",
               "-fsanitize=undefined,address", "-o", "program", *sources, str(HOST)]  # fmt: skip
    subprocess.run(command, cwd=folder, check=True)
    said = subprocess.run(["./program"], cwd=folder, check=True, capture_output=True, text=True,
                          env={"ASAN_OPTIONS": "detect_leaks=0"}).stdout  # fmt: skip
    return [(int(f), word, int(s)) for f, word, s in re.findall(r"^(\d+) (\S+) (\d+)$", said, re.MULTILINE)]


@pytest.mark.parametrize(
    ("stream", "look"),
    [
        (False, {"before_ms": 200, "after_ms": 200, "a_hop": 1}),
        pytest.param(False, {"before_ms": 600, "after_ms": 0, "a_hop": 3}, marks=pytest.mark.slow),
        (True, {"before_ms": 300, "after_ms": 240, "a_hop": 2}),
    ],
)
def test_the_firmware_decides_as_the_desktop_does(tmp_path: Path, stream: bool, look: dict[str, int]) -> None:
    one, samples = pair(stream, **look), sweep(12)
    desktop = open_pair(one, MODELS)
    expected = [(heard.frame, heard.word, round(heard.score * 32768)) for heard in desktop.spot(samples)]
    assert on_this_computer(one, samples, tmp_path) == expected
    wakes = desktop.first.spot(samples)
    assert 2 <= len(expected) < len(wakes)  # the second says no to some


def test_a_stream_in_pieces_gives_the_same(tmp_path: Path) -> None:
    desktop, samples = open_pair(pair(), MODELS), sweep(8)
    stream, looks = LookStream(desktop), []
    for first in range(0, len(samples), 777):
        looks += stream.push(samples[first : first + 777])
    looks += stream.finish()
    assert desktop.heard(looks) == desktop.spot(samples) != []
    tally = LookTally(desktop, [1, 32768], 2)
    tally.add(1, [looks])
    counts = tally.finish()
    assert counts[0].sum() == 0 and counts[1, 0].sum() == len(desktop.spot(samples))
    assert counts[1, 1].sum() >= counts[1, 0].sum() > counts[1, 2].sum()


def test_a_cascade_says_what_the_second_alone_says_of_that_window() -> None:
    """Every answer is one that the second's detector gives over the frames of its look."""
    desktop = open_pair(pair(before_ms=200, after_ms=200), MODELS)
    stream = LookStream(desktop)
    looks = [*stream.push(sweep(6)), *stream.finish()]
    frames = desktop.look.first
    outputs = desktop.second.outputs(sweep(6))  # every stride from the first window on
    look = next(look for look in looks if look.wake - desktop.look.before > frames)
    ends = list(desktop.look.ends(look.wake))
    aligned = [(end - frames) // desktop.look.stride for end in ends if (end - frames) % desktop.look.stride == 0]
    if aligned:
        posteriors = desktop.second.plan.posteriors(outputs[aligned])
        window = desktop.second.plan.window
        assert (look.smoothed[0] == posteriors[0] // window).all()
    assert ends[0] == look.wake - desktop.look.before and ends[-1] <= look.wake + desktop.look.after


@pytest.mark.parametrize("a_hop", [1, 2, 5])
def test_no_look_needs_a_frame_that_is_gone(a_hop: int) -> None:
    for stream in (False, True):
        look = pair(stream, before_ms=400, after_ms=200, a_hop=a_hop).look
        for wake in (30, 37, 500):
            for end, time in zip(look.ends(wake), look.times(wake), strict=True):
                assert end <= time and time - (end - look.piece) <= look.ring


@pytest.mark.parametrize("stream", [False, True])
def test_a_look_takes_as_long_as_its_decisions(stream: bool) -> None:
    """What the cost of an hour is reckoned with is what a look in the middle of a stream does."""
    one = pair(stream, before_ms=400, after_ms=200, a_hop=5)
    look, wake = one.look, 500
    warm_up = look.first // look.piece - 1 if stream else 0
    assert look.inferences == len(look.ends(wake)) + warm_up
    assert look.frames == look.times(wake)[-1] - wake + 1 == 11
    assert look.ring == look.first + look.before + look.stride + 1


def test_a_recording_is_put_into_as_much_near_silence_as_the_longer_model_needs() -> None:
    desktop = open_pair(pair(), MODELS)
    for one, clip_ms in zip((desktop.first, desktop.second), (300, 420), strict=True):
        assert context_seconds(one) == pytest.approx((clip_ms + one.plan.window * one.plan.stride * 20) / 1000)
    assert context_seconds(desktop) == max(context_seconds(desktop.first), context_seconds(desktop.second))


def test_everything_has_a_name_of_its_own(tmp_path: Path) -> None:
    export_cascade(pair(), tmp_path, "mps2-an386", name="nova")
    names = {path.name for path in tmp_path.glob("*.[ch]")}
    assert {"nova.c", "nova_verifier.c", "nova_model.c", "nova_verifier_constants.h"} <= names
    sources = [path.name for path in tmp_path.glob("nova*.c")]
    subprocess.run(["gcc", "-std=c99", "-c", *sources], cwd=tmp_path, check=True)
    symbols = subprocess.run(["nm", "--defined-only", "-g", *(f"{name[:-2]}.o" for name in sources)], cwd=tmp_path,
                             check=True, capture_output=True, text=True).stdout  # fmt: skip
    public = re.findall(r"^[0-9a-f]+ [A-Z] (\S+)$", symbols, re.MULTILINE)
    assert "nova_verifier_invoke" in public and all(name.startswith("nova") for name in public)
    assert "Two networks" in (tmp_path / "README.md").read_text()


def test_models_that_do_not_fit_are_refused() -> None:
    other = replace(CONTRACTS[1], frontend=FrontendSettings(clip_ms=420, low_hz=100))
    with pytest.raises(ModelError, match=r"one front end.*low_hz"):
        Pair.of(*MODELS, (CONTRACTS[0], other))
    with pytest.raises(ModelError, match="does not know 'low'"):
        Pair.of(*MODELS, (CONTRACTS[0], replace(CONTRACTS[1], labels=("high", "middle", "lower", "_unknown_"))))
    for wrong in ({"before_ms": -1}, {"after_ms": 9000}, {"a_hop": 0}):
        with pytest.raises(RecipeError, match="Received"):
            pair(**wrong)


@pytest.mark.device
def test_a_board_decides_as_the_desktop_does() -> None:
    report = run_cascade(pair(), MODELS, sweep(5), "mps2-an386")
    assert report.same_as_host and report.heard
    assert isinstance(open_pair(pair(), MODELS), Cascade)
