"""`--stream` in the commands: a model without padding along time, with settings inside, taken in steps."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from firmware_export.emulation.steps import StepInterpreter
from kws_tfmot.contract import ModelContract
from kws_tfmot.data import DataSettings
from kws_tfmot.detection.detection_settings import DetectionSettings
from kws_tfmot.evaluation.streaming.spotter import Spotter, StreamModel
from kws_tfmot.frontend import Frontend
from kws_tfmot.frontend.frontend_settings import FrontendSettings
from kws_tfmot.keras import seed_everything
from kws_tfmot.models import ModelSettings, build_model
from kws_tfmot.tflite.convert import convert
from kws_tfmot.tflite.interpreter import open_interpreter
from kws_tfmot.tflite.metadata import write_settings
from kws_tfmot.tflite.reader import read_model
from pipelines.experiments.device_bench import sweep
from tests.pipelines.conftest import run

SETTINGS = FrontendSettings()
LABELS = ("_unknown_", "_silence_", "up", "down")
EAGER = DetectionSettings(threshold=0.85, release=1.0, smoothing_ms=120, refractory_ms=0)


def untrained(time_padding: str = "valid") -> bytes:
    """A small DS-CNN of random weights, whose scores change with what is heard."""
    seed_everything(3)
    shape = SETTINGS.feature_shape
    network = build_model(ModelSettings(width=8, blocks=1, time_padding=time_padding), shape, 4)
    rng = np.random.default_rng(0)
    for weight in network.weights:
        if "moving_variance" in weight.name:
            weight.assign(np.full(weight.shape, 0.05))
        if "classifier/kernel" in weight.name:
            weight.assign(rng.normal(0, 2, weight.shape))
    examples = rng.integers(-128, 128, (20, *shape, 1)) * np.float32(SETTINGS.scale)
    quantization = (SETTINGS.scale, SETTINGS.zero_point)
    model = convert(network, "int8", examples, input_quantization=quantization, exact_linear=True)
    return write_settings(
        model, ModelContract(LABELS, SETTINGS, DataSettings(keywords=LABELS[2:]), EAGER).to_settings()
    )


@pytest.fixture(scope="module")
def streamable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("streamable") / "model.tflite"
    path.write_bytes(untrained())
    return path


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "sweep.wav"
    soundfile.write(path, sweep(4), SETTINGS.sample_rate)
    return path


def test_steps_hear_what_windows_of_the_same_stride_hear(streamable: Path, sound: Path) -> None:
    found = json.loads(run("stream", sound, streamable, "--stream", "--json").stdout)
    assert "2 rows a step" in found["interpreter"] and len(found["detections"]) >= 2
    frames = (len(sweep(4)) - SETTINGS.window_samples) // SETTINGS.hop_samples + 1
    assert found["inferences"] == (frames - 50) // 2 + 1  # 49 frames are full with the 25th step
    windows = StreamModel.open(streamable, lambda data: open_interpreter(data, "tflm"))
    every = StreamModel.of(windows.contract, read_model(streamable), StepInterpreter(streamable), "")
    features = Frontend(SETTINGS).features(sweep(4))
    each = np.lib.stride_tricks.sliding_window_view(features, 49, axis=0)[1::2].transpose(0, 2, 1)
    np.testing.assert_array_equal(every.outputs(sweep(4)), windows.infer(each))
    assert [every.frame_of(i) for i in (0, 1)] == [50, 52]


def test_a_stream_in_pieces_is_heard_alike_and_times_stay_milliseconds(streamable: Path) -> None:
    model = StreamModel.open(streamable, lambda data: StepInterpreter(data, hop=4))
    assert (model.plan.stride, model.plan.window, model.piece) == (4, 2, 4)  # 120 ms are 2 steps of 80 ms
    whole, spotter = model.spot(sweep(4)), Spotter(model)
    pieces = np.array_split(sweep(4), 37)
    assert [each for piece in pieces for each in spotter.push(piece)] == whole != []


def test_windows_are_judged_by_their_last_step(streamable: Path) -> None:
    windows = np.random.default_rng(1).integers(-128, 128, (20, 49, 10, 1)).astype(np.int8)
    expected = open_interpreter(streamable.read_bytes(), "tflm").run(windows)
    for hop in (2, 6, 48):
        assert StepInterpreter(streamable, hop=hop).run(windows).tobytes() == expected.tobytes()


def test_the_firmware_takes_steps(streamable: Path, tmp_path: Path) -> None:
    result = run("export", streamable, "--target", "firmware", "--stream", "--hop", 4, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert "#define MODEL_STEP_ROWS 4" in (tmp_path / "model.h").read_text()
    assert "#define KWS_DETECTOR_STRIDE 4" in (tmp_path / "kws_detector_constants.h").read_text()


@pytest.mark.device
def test_the_board_hears_the_same(streamable: Path, sound: Path) -> None:
    found = json.loads(run("stream", sound, streamable, "--stream", "--board", "mps2-an386", "--json").stdout)
    assert found["board"]["same_as_host"] is True
    printed = [[frame, word, score / 2**15] for frame, word, score in found["board"]["heard"]]
    assert printed == [[each["frame"], each["word"], each["score"]] for each in found["detections"]] != []


def test_benchmark_times_a_step(streamable: Path) -> None:
    result = run("benchmark", streamable, "--stream", "--rounds", 1, "--threads", "1", "--json")
    assert result.exit_code == 0, result.output
    rows = {row["kind"]: row for row in json.loads(result.stdout)["latency"]}
    assert rows["engine step"]["runs"] == 20 and "2 rows a step" in rows["engine step"]["interpreter"]
    assert rows["engine"]["runs"] == 20 and rows["engine"]["p50_us"] > 0


@pytest.mark.parametrize(
    ("arguments", "reported"),
    [
        (["stream", "SOUND", "MODEL", "--hop", 2], "needs --stream"),
        (["stream", "SOUND", "MODEL", "--stream", "--hop", 3], "multiple of 2"),
        (["stream", "SOUND", "MODEL", "--stream", "--interpreter", "tflm"], "steps the device engine"),
        (["stream", "SOUND", "PADDED", "--stream"], "pads time"),
        (["evaluate", "MODEL", "--data", "synthetic", "--hop", 2], "needs --stream"),
        (["choose", "MODEL", "--board", "nucleo-l476rg", "--hop", 2], "needs --stream"),
        (["export", "MODEL", "--out", "OUT", "--target", "firmware", "--hop", 2], "needs --stream"),
    ],
)
def test_refusals(streamable: Path, sound: Path, tmp_path: Path, arguments: list[str], reported: str) -> None:
    padded = tmp_path / "padded.tflite"
    if "PADDED" in arguments:
        padded.write_bytes(untrained("same"))
    known = {"SOUND": sound, "MODEL": streamable, "PADDED": padded, "OUT": tmp_path / "out"}
    result = run(*[known.get(argument, argument) for argument in arguments])
    assert result.exit_code == 2, result.output
    assert reported in " ".join(result.output.split())
