"""`kws report` on the tiny build: what the page shows is what was measured, and a real browser likes it."""

from __future__ import annotations

import base64
import html
import io
import json
import os
import re
import shutil
import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest
from matplotlib import image

from kws_tfmot.evaluation.report import judge_clips, read_run
from kws_tfmot.evaluation.report.clips import feature_picture, outline, wav_uri
from kws_tfmot.tflite.interpreter import open_interpreter
from tests.pipelines.conftest import RATE, TinyBuild, run

pytestmark = pytest.mark.xdist_group("tiny_build")
SCREENSHOTS = Path(os.environ.get("KWS_SCREENSHOTS", Path(__file__).parents[2] / "build" / "screenshots"))
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def page(tiny_build: TinyBuild) -> str:
    """The page with clips, on one board where there is a toolchain."""
    result = run("report", tiny_build.directory, "--data", tiny_build.data, "--boards", "mps2-an386")
    assert result.exit_code == 0, result.output
    return (tiny_build.directory / "report.html").read_text(encoding="utf-8")


def test_the_report_and_the_card_lie_in_the_run(page: str, tiny_build: TinyBuild) -> None:
    card = (tiny_build.directory / "model_card.md").read_text(encoding="utf-8")
    accuracy = tiny_build.metrics["accuracy"]["model_int8.tflite"]
    for text in (page, card):
        assert f"{100 * accuracy['accuracy']:.2f} %" in text
        assert accuracy["split_sha256"][:12] in text
    for layer, row in tiny_build.metrics["sparsity"]["layers"].items():
        assert layer in page
        assert not row["not_pruned"] or html.escape(row["not_pruned"]) in page


def test_a_second_report_is_the_same_and_emulates_nothing(page: str, tiny_build: TinyBuild, tmp_path: Path) -> None:
    before = (tiny_build.directory / "manifest.json").read_bytes()
    out = tmp_path / "again.html"
    options = ("--data", tiny_build.data, "--boards", "mps2-an386", "--out", out)
    assert run("report", tiny_build.directory, *options).exit_code == 0
    assert out.read_text(encoding="utf-8") == page
    assert (tiny_build.directory / "manifest.json").read_bytes() == before


@pytest.mark.device
def test_instructions_are_those_that_were_counted(page: str, tiny_build: TinyBuild) -> None:
    figures = json.loads((tiny_build.directory / "manifest.json").read_text())["stages"]["device"]["figures"]
    board = figures["boards"][0]
    assert board["bit_exact"]
    assert sum(board["layer_instructions"]) == board["instructions"]
    for count in (board["instructions"], *board["layer_instructions"], *figures["flash"]["layers"].values()):
        assert f">{count:,}<" in page
    flash = figures["flash"]
    assert flash["total"] == board["flash_bytes"]
    assert sum(flash["layers"].values()) + sum(flash["kernels"].values()) + flash["other"] == flash["total"]
    assert all(span["start"] + span["size"] <= figures["arena"] for span in figures["spans"])


def test_what_det_said_is_shown(tiny_build: TinyBuild, tmp_path: Path) -> None:
    stream = ("--data", tiny_build.data, "--set", "hours=0.02", "--set", "keyword_share=0.4", "--snr", "")
    said = run("det", tiny_build.directory / "model_int8.tflite", *stream, "--json")
    assert said.exit_code == 0, said.output
    (tmp_path / "det.json").write_text(said.stdout)
    options = ("--boards", "", "--det", tmp_path / "det.json", "--out", tmp_path / "report.html")
    result = run("report", tiny_build.directory, *options)
    assert result.exit_code == 0, result.output
    shown = (tmp_path / "report.html").read_text(encoding="utf-8")
    figures = json.loads(said.stdout)["model_int8"]
    assert "On long streams" in shown and "None of these curves" not in shown
    assert f"{figures['hours_without_keywords']:.2f} h without keywords" in shown
    assert figures["stream_sha256"][:12] in shown
    card = (tmp_path / "model_card.md").read_text(encoding="utf-8")
    assert "On a stream with" in card and "False accepts an hour were not measured" not in card


def test_the_mistakes_are_those_of_the_confusion_matrix(tiny_build: TinyBuild) -> None:
    facts = read_run(tiny_build.directory)
    found = judge_clips(facts, tiny_build.data, open_interpreter(facts.model, "tflm"), 1000)
    table = np.array(facts.accuracy["confusion"])
    labels = facts.accuracy["labels"]
    expected = {(labels[i], labels[j]): int(table[i, j]) for i in range(4) for j in range(4) if i != j and table[i, j]}
    counted: dict[tuple[str, str], int] = {}
    for one in found.mistakes:
        counted[one.truth, one.predicted] = counted.get((one.truth, one.predicted), 0) + 1
        assert 0 <= one.score_of_truth <= one.score <= 1
        assert one.sound.startswith("data:audio/wav;base64,")
    assert counted == expected
    assert found.wrong == sum(expected.values()) and found.n == table.sum()
    assert all(one.truth == one.predicted and not one.sound for one in found.pictures)
    assert {one.truth for one in found.pictures} <= {"up", "down", "_unknown_"}


def test_other_clips_are_refused(tiny_build: TinyBuild, tmp_path: Path, tone_folder: Path) -> None:
    shutil.copytree(tone_folder, tmp_path / "fewer")
    for path in sorted((tmp_path / "fewer" / "up").iterdir())[:6]:
        path.unlink()
    result = run("report", tiny_build.directory, "--data", f"folder:{tmp_path / 'fewer'}", "--boards", "")
    assert result.exit_code == 2
    assert "judged on other test clips" in result.output


@pytest.mark.parametrize(
    ("options", "said"), [(("--boards", "mps2-an368"), "Did you mean"), (("--comparison", "nothing.json"), "cannot be")]
)
def test_bad_options_are_refused(tiny_build: TinyBuild, options: tuple[str, ...], said: str) -> None:
    result = run("report", tiny_build.directory, *options)
    assert result.exit_code == 2
    assert said in result.output


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    result = run("report", tmp_path)
    assert result.exit_code == 2
    assert "expected a folder with a finished build" in result.output


def test_sound_and_picture_hold_what_was_given() -> None:
    samples = np.random.default_rng(0).integers(-32768, 32767, RATE, dtype=np.int16)
    data = base64.b64decode(wav_uri(samples, RATE).split(",")[1])
    with wave.open(io.BytesIO(data)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (RATE, 1, 2)
        assert np.array_equal(np.frombuffer(sound.readframes(RATE), "<i2"), samples)
    features = np.zeros((49, 40), np.int8)
    features[10, 5] = 100
    pixels = image.imread(io.BytesIO(base64.b64decode(feature_picture(features).split(",")[1])))
    assert pixels.shape[:2] == (40, 49)
    assert np.unravel_index(pixels[..., :3].sum(axis=2).argmax(), (40, 49)) == (40 - 1 - 5, 10)
    corners = [tuple(map(float, pair.split(","))) for pair in outline(samples).split(" ")]
    assert min(y for _, y in corners) >= 0 and max(y for _, y in corners) <= 40


def console_of(browser: str, path: Path, folder: Path, *options: str) -> tuple[list[str], Path]:
    """What a page logs in a headless browser, and a screenshot of it."""
    shot = folder / f"{path.stem}.png"
    command = [
        *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr"),
        *(f"--user-data-dir={folder / 'profile'}", f"--screenshot={shot}", "--window-size=1200,6000", *options),
        path.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return [line for line in done.stderr.splitlines() if re.search(r":CONSOLE[:(]", line)], shot


@pytest.fixture
def browser() -> str:
    """A Chromium."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium: apt-get install chromium")
    return found


def test_a_browser_shows_the_page_without_a_complaint(page: str, browser: str, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(page, encoding="utf-8")
    light, shot = console_of(browser, path, tmp_path)
    assert light == []
    bright = image.imread(shot)[..., :3]
    assert bright.shape[:2] == (6000, 1200)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    shutil.copy(shot, SCREENSHOTS / "report_light.png")
    dark, shot = console_of(browser, path, tmp_path, "--blink-settings=preferredColorScheme=0")
    assert dark == []
    shutil.copy(shot, SCREENSHOTS / "report_dark.png")
    assert bright.mean() > 0.8 and image.imread(shot)[..., :3].mean() < 0.4
    top = bright[:1200]  # headline, tiles and the first tables: text is there, and nothing overflows to the right
    assert (top.min(axis=2) < 0.5).mean() > 0.005
    assert np.ptp(bright[:, 1180:], axis=(0, 1)).max() == 0


def test_the_browser_s_complaints_are_seen(browser: str, tmp_path: Path) -> None:
    """Without this the test above could not fail."""
    path = tmp_path / "broken.html"
    policy = "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'\">"
    path.write_text(f"<!DOCTYPE html><html><head>{policy}</head><body><img src='other.png'></body></html>")
    found, _ = console_of(browser, path, tmp_path)
    assert any("Content Security Policy" in line for line in found)
