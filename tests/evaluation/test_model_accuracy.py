"""A model judged on a data set: whose labels, which clips, and what is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from kws_tfmot.data import DataSettings, prepare
from kws_tfmot.data.large_arrays import features_of
from kws_tfmot.errors import DataError, ModelError
from kws_tfmot.evaluation import model_accuracy
from kws_tfmot.evaluation.accuracy import Accuracy
from kws_tfmot.evaluation.breadth import breadth, narrow_classes, speaker_interval, speakers_of, unheard_words
from kws_tfmot.evaluation.model_accuracy import _check_takes_clips, evaluate_model
from kws_tfmot.evaluation.model_scores import judge, model_input_of, scores_of
from kws_tfmot.files import sha256_bytes
from kws_tfmot.frontend import Frontend, FrontendSettings
from kws_tfmot.tflite.interpreter import TensorSpec

RATE = 16000
FRONTEND = FrontendSettings(clip_ms=300)
LABELS = ("_silence_", "stop", "_unknown_", "go")  # not the order of the data
SPEC = TensorSpec(np.dtype(np.int8), (1, *FRONTEND.feature_shape, 1), FRONTEND.scale, 0)


class Banker:
    """Scores by class, in the model's order, that depend on what is heard."""

    name = "banker"

    def run(self, batch: np.ndarray) -> np.ndarray:
        assert batch.dtype == np.int8 and batch.shape[1:] == SPEC.shape[1:] and len(batch) <= 250
        sums = batch.reshape(len(batch), -1).astype(np.int64) @ np.arange(1, batch[0].size + 1)
        return (sums[:, None] * np.array([7, 11, 13, 17]) % 251 - 125).astype(np.int8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root, rng = tmp_path_factory.mktemp("words"), np.random.default_rng(0)
    for word in ("go", "stop", "cat", "dog"):
        (root / word).mkdir()
        for n in range(50):
            sound = rng.normal(0, 3000, RATE * 3 // 10).astype(np.int16)
            soundfile.write(root / word / f"{n:08x}_nohash_0.wav", sound, RATE)
    return root


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A model whose contract is set here; what it is opened with is kept."""
    settings = DataSettings(keywords=("go", "stop"), clip_ms=300, percent=(50, 20, 30), split="percent")
    contract = SimpleNamespace(labels=LABELS, frontend=FRONTEND, clips=settings, streams=False)
    found: dict[str, Any] = {"contract": contract}

    def of_model(model: object, given: object) -> object:
        found["given"] = given
        return contract

    monkeypatch.setattr(model_accuracy, "ModelContract", SimpleNamespace(of_model=of_model))
    monkeypatch.setattr(model_accuracy, "read_source", lambda model: b"model")
    monkeypatch.setattr(model_accuracy, "read_model", lambda data: SimpleNamespace(stateful=False))
    monkeypatch.setattr(model_accuracy, "input_spec", lambda graph: SPEC)
    monkeypatch.setattr(model_accuracy, "open_interpreter", lambda data, kind: found.update(kind=kind) or Banker())
    return found


@pytest.mark.parametrize("split", ["test", "validation", "all"])
def test_clips_are_judged_by_their_own_class_whatever_the_order_of_outputs(
    folder: Path, opened: dict[str, Any], tmp_path: Path, split: str
) -> None:
    found = evaluate_model("m.tflite", f"folder:{folder}", split=split, opener=lambda data: Banker(), cache=tmp_path)
    settings = opened["contract"].clips
    index = prepare(f"folder:{folder}", settings.for_evaluation() if split == "all" else settings, tmp_path / "audio")
    audio = index.audio(split)
    features = features_of(audio, Frontend(FRONTEND))[..., None]
    raw = np.concatenate([Banker().run(one[None]) for one in features])
    scores = np.stack([raw[:, LABELS.index(label)] for label in index.labels], axis=1)
    assert found.result.confusion.tolist() == Accuracy.of(index.labels, audio.labels, scores).confusion.tolist()
    assert found.result.n == len(audio) > 20 and len(set(found.result.confusion.ravel().tolist())) > 3
    assert (found.interpreter, found.model_sha256, found.source) == (
        "banker",
        sha256_bytes(b"model"),
        f"folder:{folder}",
    )
    assert (found.split, found.split_sha256) == (split, index.split_sha256(split))
    assert found.notes[: len(index.notes)] == index.notes
    assert found.result.by_speaker is not None and found.breadth["speakers"] > 5
    assert found.to_dict() == found.result.to_dict() | {
        "interpreter": "banker", "model_sha256": found.model_sha256, "source": found.source, "split": split,
        "split_sha256": found.split_sha256, "notes": list(found.notes), "breadth": found.breadth,
    }  # fmt: skip
    assert "kind" not in opened and opened["given"] is None


def test_the_test_split_is_judged_by_tflm_unless_told_otherwise(
    folder: Path, opened: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_accuracy, "cache_root", lambda: tmp_path)
    recipe: Any = SimpleNamespace(contract=lambda: "promised")
    found = evaluate_model(b"", f"folder:{folder}", recipe=recipe)
    assert (found.split, opened["kind"], opened["given"]) == ("test", "tflm", "promised")
    assert (tmp_path / "audio").is_dir()
    evaluate_model(b"", f"folder:{folder}", kind="litert")
    assert opened["kind"] == "litert"


def test_a_network_for_streams_is_judged_by_its_detector_too(
    folder: Path, opened: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runners: list[object] = []
    opening = SimpleNamespace(open=lambda model, opener, recipe: runners.append(opener(b"model")) or "a detector")
    monkeypatch.setattr(model_accuracy, "StreamModel", opening)
    monkeypatch.setattr(model_accuracy, "hear_clips", lambda model, index, audio, _: {"of": model, "n": len(audio)})
    opened["contract"].streams = True
    banker, stepped = Banker(), object()
    for hearing, runner in ((None, banker), (lambda data: stepped, stepped)):
        found = evaluate_model(
            "m.tflite", f"folder:{folder}", opener=lambda data: banker, hearing=hearing, cache=tmp_path
        )
        assert found.detector == {"of": "a detector", "n": found.result.n} == found.to_dict()["detector"]
        assert runners.pop() is runner


def test_data_of_other_classes_are_refused(folder: Path, opened: dict[str, Any], tmp_path: Path) -> None:
    opened["contract"].labels = ("_silence_", "start", "_unknown_", "go")
    expected = "the data set has the classes go, stop, _unknown_, _silence_, the model _silence_, start, _unknown_, go"
    with pytest.raises(DataError, match=expected):
        evaluate_model(b"", f"folder:{folder}", opener=lambda data: Banker(), cache=tmp_path)


@pytest.mark.parametrize(
    ("labels", "stateful", "what"),
    [
        (("go",), False, "the outputs go, which lacks _unknown_ and _silence_"),
        (("go", "_unknown_"), True, "the outputs go, _unknown_, which lacks _silence_"),
        (LABELS, True, "which keeps state from one inference to the next"),
        (LABELS, False, None),
    ],
)
def test_what_has_no_accuracy_on_clips_is_refused(labels: tuple[str, ...], stateful: bool, what: str | None) -> None:
    graph, contract = SimpleNamespace(stateful=stateful), SimpleNamespace(labels=labels)
    if what is None:
        _check_takes_clips(graph, contract)  # type: ignore[arg-type]
        return
    with pytest.raises(ModelError, match=what) as refusal:
        _check_takes_clips(graph, contract)  # type: ignore[arg-type]
    assert "kws det MODEL" in str(refusal.value)


def test_without_named_speakers_an_interval_is_over_clips(folder: Path, tmp_path: Path) -> None:
    settings = DataSettings(keywords=("go", "stop"), clip_ms=300, split="percent")
    for pattern, over in (("([0-9a-f]+)_nohash", "speakers"), ("nobody(x)", "clips")):
        index = prepare(f"folder:{folder}", settings.model_copy(update={"speaker_pattern": pattern}), tmp_path)
        audio = index.audio("test")
        scores = np.random.default_rng(0).normal(size=(len(audio), 4))
        result, reach = judge(index, audio, scores)
        right = scores.argmax(axis=1) == audio.labels
        assert result.to_dict()["interval_over"] == over and result.correct == right.sum()
        if over == "speakers":
            assert result.by_speaker == speaker_interval(right, speakers_of(audio))
        known = breadth(audio, right, unheard_words(index, "test"))
        assert reach == known | {"narrow": narrow_classes(index, "test")}


def test_inference_takes_250_at_a_time() -> None:
    sizes: list[int] = []
    runner: Any = SimpleNamespace(run=lambda batch: sizes.append(len(batch)) or batch[:, None, :2])
    inputs = np.arange(1506).reshape(502, 3)
    np.testing.assert_array_equal(scores_of(runner, inputs), inputs[:, :2])
    assert sizes == [250, 250, 2]


def test_numbers_beyond_a_model_s_input_are_cut() -> None:
    features = np.array([[[-128, 127]]], np.int8)
    spec = TensorSpec(np.dtype(np.int16), (1, 1, 2, 1), 1e-3, 5)
    assert model_input_of(spec, features, 0.2).ravel().tolist() == [-25595, 25405]
    assert model_input_of(spec, features, 1.0).ravel().tolist() == [-32768, 32767]
