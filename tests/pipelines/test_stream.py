"""`kws stream`, `kws listen` and `kws det` on the model of the tiny build."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import soundfile
from rich.console import Console

from kws_tfmot.errors import RecipeError
from kws_tfmot.evaluation.streaming import sources
from kws_tfmot.evaluation.streaming.det_curve import DetCurve
from kws_tfmot.evaluation.streaming.product import StreamEvaluation
from kws_tfmot.evaluation.streaming.spotter import Heard, StreamModel
from kws_tfmot.tflite.metadata import read_settings, write_settings
from pipelines.det import save_threshold
from pipelines.live_view import LiveView, level_db
from pipelines.openers import opener_of
from tests.pipelines.conftest import RATE, TinyBuild, run

pytestmark = pytest.mark.xdist_group("tiny_build")
SAID = ("up", "flat", "down", "high", "down", "up")


@pytest.fixture(scope="module")
def sound(tone_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The words of one speaker with a pause of 0.7 s before each, 44.1 kHz stereo as a recorder might write it."""
    rng = np.random.default_rng(1)
    pieces = []
    for word in SAID:
        pieces += [rng.normal(0, 100, 7 * RATE // 10).astype(np.int16)]
        pieces += [soundfile.read(sorted((tone_folder / word).iterdir())[7], dtype="int16")[0]]
    path = tmp_path_factory.mktemp("sound") / "said.wav"
    soundfile.write(path, np.concatenate(pieces), RATE)
    return path


@pytest.fixture(scope="module")
def eager(tiny_build: TinyBuild, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model, which is sure of nothing, with a low threshold among its settings."""
    data = (tiny_build.directory / "model_int8.tflite").read_bytes()
    settings = read_settings(data)
    assert settings["detection"]["threshold"] == 0.8
    settings["detection"] |= {"threshold": 0.45, "thresholds": {"up": 0.3}, "smoothing_ms": 200}
    path = tmp_path_factory.mktemp("eager") / "eager.tflite"
    path.write_bytes(write_settings(data, settings))
    return path


def test_triggers_and_near_misses_are_kept_as_files(eager: Path, sound: Path, tmp_path: Path) -> None:
    result = run("stream", sound, eager, "--keep", tmp_path / "kept", "--take-ms", "1500", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["detections"] == json.loads(run("stream", sound, eager, "--json").stdout)["detections"]
    files = sorted((tmp_path / "kept").rglob("*.wav"))
    kinds = [path.relative_to(tmp_path / "kept").parts[0] for path in files]
    assert kinds.count("triggers") == found["kept"]["triggers"] > 0 and len(files) == sum(found["kept"].values())
    # Of two events within the time after the first one, one take is kept.
    assert found["kept"]["triggers"] <= sum(word["triggers"] for word in found["statistics"].values())
    assert all(0 < len(soundfile.read(path)[0]) <= 1500 * 16 for path in files)
    assert run("stream", sound, eager, "--take-ms", "1500").exit_code == 2


def test_stream_prints_what_the_detector_hears(eager: Path, sound: Path) -> None:
    result = run("stream", sound, eager, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert len(found["detections"]) >= 3 and {each["word"] for each in found["detections"]} <= {"up", "down"}
    assert found["detection"]["threshold"] == 0.45 and "engine" in found["interpreter"]
    assert all(each["score"] >= (0.3 if each["word"] == "up" else 0.45) for each in found["detections"])
    shown = run("stream", sound, eager).stdout
    assert all(f"{each['seconds']:.2f} s" in shown for each in found["detections"])
    tflm = json.loads(run("stream", sound, eager, "--interpreter", "tflm", "--json").stdout)
    assert tflm["detections"] == found["detections"]


def test_stream_takes_another_threshold(eager: Path, sound: Path) -> None:
    result = run("stream", sound, eager, "--threshold", 1.0, "--json")
    assert json.loads(result.stdout)["detections"] == []


def test_stream_shows_best_score_and_level_where_nothing_is_heard(eager: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "hush.wav", np.random.default_rng(0).normal(0, 3e-4, 3 * RATE), RATE)
    result = run("stream", tmp_path / "hush.wav", eager, "--threshold", 1.0, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["detections"] == [] and set(found["best"]) == {"up", "down"}
    assert 0 < found["best"]["up"]["score"] < 1 == found["best"]["up"]["threshold"]
    assert found["level"]["rms_dbfs"] == pytest.approx(-70.5, abs=0.5) and "very quiet" in found["notes"][0]
    assert "best: " in run("stream", tmp_path / "hush.wav", eager, "--threshold", 1.0).stdout
    soundfile.write(tmp_path / "short.wav", np.zeros(RATE // 2), RATE)
    short = json.loads(run("stream", tmp_path / "short.wav", eager, "--json").stdout)
    assert short["inferences"] == 0
    assert "digital silence" in short["notes"][0] and "too short: 0.50 s" in short["notes"][1]


def test_the_fast_interpreter_gives_the_engine_s_answers(eager: Path, sound: Path) -> None:
    exact = json.loads(run("stream", sound, eager, "--json").stdout)
    fast = json.loads(run("stream", sound, eager, "--interpreter", "fast", "--json").stdout)
    assert fast["detections"] == exact["detections"] and fast["best"] == exact["best"]
    assert "the engine's bytes on 32 windows" in fast["interpreter"]


@pytest.mark.device
def test_the_board_hears_the_same(eager: Path, sound: Path) -> None:
    result = run("stream", sound, eager, "--board", "mps2-an386", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["board"]["same_as_host"] is True
    printed = [[frame, word, score / 2**15] for frame, word, score in found["board"]["heard"]]
    assert printed == [[each["frame"], each["word"], each["score"]] for each in found["detections"]] != []
    assert "the same detections" in run("stream", sound, eager, "--board", "mps2-an386").stdout


@pytest.mark.parametrize(
    ("arguments", "reported"),
    [
        (["SOUND/none.wav", "MODEL"], "there is no sound file"),
        (["MODEL", "MODEL"], "not readable as audio"),
        (["SOUND", "MODEL", "--threshold", "1.5"], "up to 1. Received: 1.5"),
        (["SOUND", "MODEL", "--interpreter", "tfml"], "Did you mean 'tflm'?"),
        (["SOUND", "MODEL", "--board", "mps2-an385x"], "Did you mean 'mps2-an385'?"),
        (["SOUND", "SOUND"], "a sound file"),
    ],
)
def test_stream_refuses(eager: Path, sound: Path, arguments: list[str], reported: str) -> None:
    known = {"SOUND": sound, "MODEL": eager}
    result = run("stream", *[known.get(argument, argument) for argument in arguments])
    assert result.exit_code == 2, result.output
    assert reported in " ".join(result.output.split())


def fake_sounddevice(samples: np.ndarray) -> types.ModuleType:
    """A sounddevice whose only input plays ``samples`` once and then fails."""
    module = types.ModuleType("sounddevice")

    class PortAudioError(Exception):
        pass

    class InputStream:
        def __init__(self, rate: int, blocksize: int, device: object, channels: int, dtype: str) -> None:
            if device not in (None, 0):
                raise PortAudioError(f"Error querying device {device}")
            assert (rate, channels, dtype) == (RATE, 1, "int16")
            self.at = 0

        def __enter__(self) -> InputStream:
            return self

        def __exit__(self, *error: object) -> None:
            pass

        def read(self, count: int) -> tuple[np.ndarray, bool]:
            block = samples[self.at : self.at + count]
            self.at += count
            if len(block) < count:
                raise PortAudioError("the device was unplugged")
            return block[:, None], False

    module.PortAudioError = PortAudioError
    module.InputStream = InputStream
    module.query_devices = lambda: [
        {"name": "Fake input", "max_input_channels": 1, "default_samplerate": 16000.0},
        {"name": "Fake output", "max_input_channels": 0, "default_samplerate": 48000.0},
    ]
    return module


def test_listen_hears_what_stream_hears(eager: Path, sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples, _ = soundfile.read(sound, dtype="int16")
    monkeypatch.setitem(sys.modules, "sounddevice", fake_sounddevice(samples))
    result = run("listen", eager, "--json", "--seconds", len(samples) / RATE - 0.05)
    assert result.exit_code == 0, result.output
    reported = [json.loads(text) for text in result.stdout.splitlines()]
    streamed = json.loads(run("stream", sound, eager, "--json").stdout)
    assert [each for each in reported if "word" in each] == streamed["detections"]
    assert reported[-1]["best"].keys() == streamed["best"].keys()
    listed = run("listen", eager, "--devices").stdout
    assert "0: Fake input, 16000 Hz" in listed and "output" not in listed
    unplugged = run("listen", eager)
    assert unplugged.exit_code == 2 and "unplugged" in unplugged.output


def test_listen_warns_of_silence_and_clipping_when_they_begin(eager: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    speech = np.random.default_rng(1).normal(0, 3000, 4 * RATE).astype(np.int16)
    clipped = np.where(np.arange(4 * RATE) % 2, 32767, -32768).astype(np.int16)
    samples = np.concatenate([speech, np.zeros(8 * RATE, np.int16), clipped, speech])
    monkeypatch.setitem(sys.modules, "sounddevice", fake_sounddevice(samples))
    result = run("listen", eager, "--json", "--seconds", "20")
    notes = [each for each in map(json.loads, result.stdout.splitlines()) if "note" in each]
    assert [round(each["seconds"]) for each in notes] == [8, 16]
    assert "digital silence" in notes[0]["note"] and "clipped" in notes[1]["note"]


def test_listen_without_a_microphone_is_a_clear_error(eager: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", fake_sounddevice(np.zeros(0, np.int16)))
    result = run("listen", eager, "--device", "7")
    assert result.exit_code == 2 and "the input 7 cannot be recorded at 16000 Hz" in result.output
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    result = run("listen", eager)
    assert result.exit_code == 2 and "pip install '.[mic]'" in result.output

    def no_portaudio(name: str) -> types.ModuleType:
        raise OSError("PortAudio library not found")

    monkeypatch.setattr(sources, "importlib", types.SimpleNamespace(import_module=no_portaudio))
    result = run("listen", eager)
    assert result.exit_code == 2 and "libportaudio2" in result.output


def test_the_view_shows_level_scores_and_detections(eager: Path) -> None:
    model = StreamModel.open(eager, opener_of("engine"))
    console = Console(width=100, record=True, file=io.StringIO())
    view = LiveView(model)
    view._heard.append(Heard(1.25, "up", 0.9, 60))
    console.print(view.render(-20.0, np.array([0.9, 0.1, 0.0, 0.0]), 1.3))
    text = console.export_text()
    for part in ("-20.0 dBFS", "up", "_silence_", "0.900", "1.25 s", "1.3 s"):
        assert part in text
    assert level_db(np.zeros(0, np.int16)) < -90


def test_det_on_composed_streams(eager: Path, tiny_build: TinyBuild, tmp_path: Path) -> None:
    other, saved = tmp_path / "other.tflite", tmp_path / "saved.tflite"
    other.write_bytes((tiny_build.directory / "model_int8.tflite").read_bytes())
    stream = ("--data", tiny_build.data, "--set", "hours=0.05", "--set", "keyword_share=0.4", "--snr", "clean,0")
    result = run("det", eager, other, *stream, "--false-accepts-per-hour", 60, "--plot", tmp_path / "d.png", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert set(found) == {"eager", "other"}
    first = found["eager"]
    assert first["stream_sha256"] == found["other"]["stream_sha256"]
    assert first["own"]["n"] == first["keywords"] > 20 and first["split_sha256"]
    assert [row["snr_db"] for row in first["under_noise"]] == [None, 0.0]
    assert any("tells little" in note for note in first["notes"])
    assert (tmp_path / "d.png").read_bytes()[:4] == b"\x89PNG"

    shown = run("det", eager, *stream, "--false-accepts-per-hour", 60, "--save", saved)
    assert shown.exit_code == 0, shown.output
    assert "h without keywords" in shown.stdout and "per keyword" in shown.stdout
    chosen = set(first["chosen"]["thresholds"].values())
    assert {read_settings(saved)["detection"]["threshold"]} == chosen
    assert read_settings(saved)["labels"] == read_settings(eager)["labels"]


def test_det_on_labelled_recordings(eager: Path, sound: Path, tmp_path: Path) -> None:
    (tmp_path / "day.wav").write_bytes(sound.read_bytes())
    rows = [f"{0.7 + 1.7 * n + 0.1:.2f},{1.7 + 1.7 * n - 0.1:.2f},{word}" for n, word in enumerate(SAID)]
    (tmp_path / "day.csv").write_text("start,end,word\n" + "\n".join(rows) + "\n")
    result = run("det", eager, "--recordings", tmp_path, "--json")
    assert result.exit_code == 0, result.output
    own = json.loads(result.stdout)["eager"]["own"]
    assert own["n"] == 4 and own["false_reject_rate_95"] is None


def test_det_on_recordings_as_they_are(eager: Path, tiny_build: TinyBuild, tone_folder: Path, tmp_path: Path) -> None:
    positives = ("--positives", f"up={tone_folder / 'up'}", f"down={tone_folder / 'down'}")
    negatives = ("--negatives", tone_folder / "flat", tone_folder / "high")
    result = run("det", *positives, *negatives, eager, "--json", "--interpreter", "builtin")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["hours"] > 0 and set(found["words"]) == {"up", "down"}
    for row in found["words"].values():
        assert row["n"] > 10 and 0 <= row["missed"] <= 1 and set(row["missed_at"]) == {"0.5", "0.1"}
        assert row["false_accepts_per_hour"] == row["false_accepts"] / found["hours"]
    saved = tmp_path / "saved.tflite"
    options = ("--false-accepts-per-hour", 1e6, "--save", saved, "--plot", tmp_path / "d.png")
    shown = run("det", tiny_build.directory, *positives, *negatives, *options, "--interpreter", "builtin")
    assert shown.exit_code == 0 and "positives;" in shown.stdout and "1e+06" in shown.stdout, shown.output
    assert set(read_settings(saved)["detection"]["thresholds"]) == {"up", "down"}
    assert (tmp_path / "d.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("arguments", "reported"),
    [
        ([], "either --data, or --recordings"),
        (["--positives", "off=DATA", "--negatives", "DATA"], "does not know the word 'off'"),
        (["--positives", "up=/nowhere", "--negatives", "/nowhere"], "no folder or sound file at"),
        (["--data", "DATA", "--set", "hour=2"], "Did you mean 'hours'?"),
        (["--data", "DATA", "--snr", "loud"], "separated by commas"),
        (["--data", "DATA", "--split", "tset"], "a stream needs both"),
        (["--recordings", "/no/such.wav"], "no recording at"),
    ],
)
def test_det_refuses(eager: Path, tiny_build: TinyBuild, arguments: list[str], reported: str) -> None:
    result = run("det", eager, *[tiny_build.data if argument == "DATA" else argument for argument in arguments])
    assert result.exit_code == 2, result.output
    assert reported in " ".join(result.output.split())


def test_there_is_nothing_to_save_where_no_threshold_will_do(eager: Path, tmp_path: Path) -> None:
    curve = DetCurve((1, 2), np.ones((2, 1)), np.ones((2, 1)), np.ones(1), np.ones(1))
    with pytest.raises(RecipeError, match="none to save"):
        save_threshold(eager, StreamEvaluation(curve, curve.threshold_for(0.5), {}), tmp_path / "saved.tflite")
    assert not (tmp_path / "saved.tflite").exists()


def test_commands_over_streams_builds_and_workers_that_draw_epochs_start_without_what_is_slow() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import pipelines.stream, pipelines.listen, pipelines.det, pipelines.build, sys\n"
         "import pipelines.stages.sharding\n"
         "print([name for name in ('tensorflow', 'matplotlib', 'scipy', 'pandas') if name in sys.modules])"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"
