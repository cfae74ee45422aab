"""The page hears what `kws stream` hears: the same scores after every hop, the same detections, to the last bit."""

from __future__ import annotations

import base64
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.firmware_export.test_engine_example import CONTRACT, listener

sys.path.insert(0, str(Path(__file__).parent))
from chromium import opened

from firmware_export.browser import wasm
from firmware_export.browser.browser_page import DemoPage, demo_page
from firmware_export.emulation.steps import open_engine
from kws_tfmot.errors import ToolchainError
from kws_tfmot.evaluation.streaming.sources import read_stream
from kws_tfmot.evaluation.streaming.spotter import ScoreStream, StreamModel
from kws_tfmot.tflite.metadata import write_settings
from pipelines.experiments.device_bench import sweep

HOP = CONTRACT.frontend.hop_samples
SOUND = sweep(3)[: 2 * 16000 + 123]  # ends within a hop


@pytest.fixture(scope="module")
def page() -> DemoPage:
    try:
        wasm.wasm_compiler()
    except ToolchainError as error:
        pytest.skip(error.hint)
    notes = ["a </script> & 'b'"]
    return demo_page(listener(), CONTRACT, "<b>Try & hear</b>", [("accuracy", "1 < 2")], notes)


@pytest.fixture(scope="module")
def desktop() -> StreamModel:
    return StreamModel.open(write_settings(listener(), CONTRACT.to_settings()), open_engine)


@pytest.fixture(scope="module")
def expected_scores(desktop: StreamModel) -> list[list[int]]:
    return scores_of(desktop, SOUND)


def expected_detections(desktop: StreamModel) -> list[dict]:
    return [
        {"frame": each.frame, "word": each.word, "score": round(each.score * 32768), "seconds": each.seconds}
        for each in desktop.spot(SOUND)
    ]


class Module:
    """The page's WebAssembly in wasmtime."""

    def __init__(self, page: DemoPage) -> None:
        wasmtime = pytest.importorskip("wasmtime", reason="pip install wasmtime")
        self.store = wasmtime.Store()
        module = wasmtime.Module(self.store.engine, page.wasm)
        assert list(module.imports) == []  # it can call nothing outside
        self.exports = wasmtime.Instance(self.store, module, []).exports(self.store)

    def call(self, name: str, *values: int) -> int:
        return self.exports[name](self.store, *values)

    def hear(self, sound: np.ndarray, hop: int, classes: int) -> tuple[list[list[int]], list[tuple[int, int, int]]]:
        """Scores after every hop, and (frame, label, score) of every detection."""
        assert self.call("selftest") == 1 and self.call("begin") == 0
        at, scores, heard = self.call("samples"), [], []
        for first in range(0, len(sound), hop):
            piece = sound[first : first + hop]
            self.exports["memory"].write(self.store, piece.tobytes(), at)
            status = self.call("push", len(piece))
            scores.append([self.call("score", label) for label in range(classes)])
            if status == 1:
                heard.append(tuple(self.call(f"heard_{what}") for what in ("frame", "label", "score")))
        return scores, heard


def test_the_module_computes_what_the_desktop_computes(
    page: DemoPage, desktop: StreamModel, expected_scores: list[list[int]]
) -> None:
    module = Module(page)
    scores, heard = module.hear(SOUND, HOP, len(CONTRACT.labels))
    assert scores == expected_scores
    words = [(frame, CONTRACT.labels[label], score) for frame, label, score in heard]
    assert words == [(each["frame"], each["word"], each["score"]) for each in expected_detections(desktop)]
    assert len(heard) > 3
    assert module.call("sensitivity", 50) == 0 and module.call("threshold", 1) < 32768 * 0.3
    assert module.call("sensitivity", 101) < 0


@pytest.mark.recordings
def test_a_model_of_others_that_takes_steps_hears_people(public_models: Path, wake_words: Path) -> None:
    path = public_models / "mww_v2_alexa.tflite"
    model = StreamModel.open(path, open_engine)
    made = demo_page(path, model.contract, "Alexa")
    files = sorted(file for file in (wake_words / "alexa").iterdir() if file.suffix in (".wav", ".flac"))[:3]
    pause = np.zeros(8000, np.int16)
    sound = np.concatenate([np.concatenate([read_stream(file, 16000), pause]) for file in files])
    frontend = model.contract.frontend
    _, heard = Module(made).hear(sound, frontend.hop_samples, len(model.contract.labels))
    expected = model.spot(sound)
    assert [(frame, score) for frame, _, score in heard] == [(e.frame, round(e.score * 32768)) for e in expected]
    assert heard


def test_the_page_is_self_contained_and_escaped(page: DemoPage) -> None:
    assert "<b>Try" not in page.html and "&lt;b&gt;Try &amp; hear&lt;/b&gt;" in page.html
    assert page.html.count("</script>") == 4 and "a &lt;/script&gt;" in page.html
    assert not re.search(r"(src|href)=\"(?!data:)", page.html) and not re.search("https?://", page.html)
    assert "default-src 'none'" in page.html and "connect-src" not in page.html
    inside = re.search(r'id="engine">([^<]+)<', page.html)[1]
    assert base64.b64decode(inside) == page.wasm


def test_a_dropped_file_in_chromium(
    page: DemoPage, desktop: StreamModel, expected_scores: list[list[int]], tmp_path: Path
) -> None:
    (tmp_path / "page.html").write_text(page.html)
    soundfile.write(tmp_path / "sweep.wav", SOUND, 16000)
    soundfile.write(tmp_path / "loud.flac", np.repeat(SOUND[:, None], 2, axis=1), 16000)
    (tmp_path / "text.wav").write_text("no sound")
    with opened(tmp_path / "page.html", tmp_path / "profile") as tab:
        assert tab.evaluate("document.body.dataset.ready") == "1"
        tab.choose_file("#file", tmp_path / "sweep.wav")
        tab.wait("document.body.dataset.done === 'sweep.wav'")
        assert tab.evaluate("listener.scores") == expected_scores
        assert tab.evaluate("listener.detections") == expected_detections(desktop)
        shown = tab.evaluate("element('detections').rows.length")
        assert shown == len(expected_detections(desktop))
        picture = "new Set(element('spectrogram').getContext('2d').getImageData(800, 0, 100, 128).data).size"
        assert tab.evaluate(picture) > 50  # something is drawn
        tab.choose_file("#file", tmp_path / "loud.flac")  # two channels, decoded by the browser
        tab.wait("document.body.dataset.done === 'loud.flac'")
        assert tab.evaluate("listener.detections.length") > 3
        tab.choose_file("#file", tmp_path / "text.wav")
        tab.wait("element('status').textContent.includes('no sound file')")
        assert [url for url in tab.requests if not url.startswith(("file:", "data:", "blob:"))] == []


RECORD = """(() => {
  window.taken = [];
  const push = listener.push.bind(listener);
  listener.push = (samples, ...rest) => { taken.push(...samples); push(samples, ...rest); };
})()"""


def scores_of(desktop: StreamModel, sound: np.ndarray) -> list[list[int]]:
    """Smoothed posteriors, Q15, after every hop."""
    stream, rows = ScoreStream(desktop), [[0] * len(CONTRACT.labels)]
    for first in range(0, len(sound), HOP):
        found = stream.push(sound[first : first + HOP])
        rows.append(found[-1].tolist() if len(found) else rows[-1])
    return rows[1:]


def test_the_microphone_in_chromium(page: DemoPage, desktop: StreamModel, tmp_path: Path) -> None:
    """What it heard is what the desktop hears in the samples that the browser's microphone gave."""
    (tmp_path / "page.html").write_text(page.html)
    soundfile.write(tmp_path / "spoken.wav", sweep(3), 16000)
    fake = (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={tmp_path / 'spoken.wav'}",
    )
    with opened(tmp_path / "page.html", tmp_path / "profile", *fake) as tab:
        tab.evaluate(RECORD)
        tab.evaluate("toggleMicrophone()")
        assert tab.evaluate("element('microphone').textContent") == "Stop"
        tab.wait("listener.detections.length >= 2")
        tab.evaluate("toggleMicrophone()")
        assert tab.evaluate("element('status').textContent") == "stopped"
        sound = np.array(tab.evaluate("taken"), np.int16)
        whole = sound[: len(sound) // HOP * HOP]
        assert tab.evaluate("listener.scores") == scores_of(desktop, whole)
        heard = [(each.frame, each.word, round(each.score * 32768)) for each in desktop.spot(whole)]
        found = tab.evaluate("listener.detections.map((each) => [each.frame, each.word, each.score])")
        assert [tuple(each) for each in found] == heard


def test_without_a_compiler_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wasm.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(wasm.shutil, "which", lambda _: None)
    with pytest.raises(ToolchainError) as caught:
        wasm.wasm_compiler()
    assert ".[browser]" in caught.value.hint and "clang lld" in caught.value.hint
