"""TensorFlow Datasets, without a network: sets that are there, sets that are not, and folders as TFRecords."""

from __future__ import annotations

import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from kws_tfmot.data import AugmentSettings, DataSettings, TrainingBatches, prepare
from kws_tfmot.errors import DataError, ToolchainError

tfds_source = pytest.importorskip("kws_tfmot.data.tfds", reason="pip install tensorflow-datasets")
from kws_tfmot.keras import tf  # noqa: E402, F401

import tensorflow_datasets as tfds  # noqa: E402  # isort: skip

RATE = 16000
NAMES = ["go", "stop", "_silence_", "_unknown_"]


class TinyWords(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Eight clips of every class in every split; the sample values say which."""

    VERSION = tfds.core.Version("1.2.3")
    SPLITS = ("train", "validation", "test")
    SPEAKERS = False
    SPEAKERS_PER_SPLIT = 8

    def _info(self):
        features = {
            "audio": tfds.features.Audio(sample_rate=RATE // 2, dtype=np.int64),
            "label": tfds.features.ClassLabel(names=NAMES),
        }
        if self.SPEAKERS:
            features["speaker_id"] = tfds.features.Text()
        return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(number) for number, split in enumerate(self.SPLITS)}

    def _generate_examples(self, split):
        for label in range(len(NAMES)):
            for clip in range(8):
                value = 1 + split * 1000 + label * 100 + clip * 10
                example = {"audio": np.full(RATE // 2, value, np.int64), "label": label}
                if self.SPEAKERS:
                    example["speaker_id"] = f"voice{split * self.SPEAKERS_PER_SPLIT + clip}"
                yield f"{split}-{label}-{clip}", example


class OneSplitWords(TinyWords):
    SPLITS = ("train",)
    SPEAKERS = True


class TornWords(TinyWords):
    SPEAKERS = True
    SPEAKERS_PER_SPLIT = 0


def _place(builder_class, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    builder = builder_class(data_dir=str(folder))
    builder.download_and_prepare()
    monkeypatch.setenv("TFDS_DATA_DIR", str(folder))
    return f"tfds:{builder.name}"


def test_a_set_that_is_there_is_read_with_its_own_splits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = _place(TinyWords, tmp_path / "sets", monkeypatch)
    settings = DataSettings(keywords=("go", "stop"))
    index = prepare(spec, settings, tmp_path / "cache")
    assert index.counts() == {
        split: {"go": 8, "stop": 8, "_unknown_": 8, "_silence_": 8} for split in ("train", "validation", "test")
    }
    test = index.audio("test")
    for clip, word in zip(test.audio, test.words, strict=True):
        value = int(np.median(clip))
        assert value // 1000 == 2
        assert NAMES[value % 1000 // 100] == word
    assert any("names no speakers" in note for note in index.notes)
    assert any("resampled" in note for note in index.notes)
    noise, _ = index.noise.draw(np.random.default_rng(0), "train")
    assert 200 <= np.median(noise) < 300, "the silence of the training split serves as background noise"
    again = prepare(spec, settings, tmp_path / "cache")
    assert again.clips == index.clips
    assert again.notes == index.notes
    batches = TrainingBatches(index.audio("train"), index.noise, index.labels, AugmentSettings(), 8, 0)
    assert sum(len(labels) for _, labels in batches.epoch(0)) == batches.clips_per_epoch


def test_a_set_of_one_split_is_split_by_its_speakers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = _place(OneSplitWords, tmp_path / "sets", monkeypatch)
    settings = DataSettings(keywords=("go", "stop"), percent=(50, 25, 25), split="percent")
    index = prepare(spec, settings, tmp_path / "cache")
    assert {split: counts["go"] for split, counts in index.counts().items()} == {"train": 4, "validation": 2, "test": 2}
    split_of = {}
    for clip in index.clips:
        if clip.word != "_silence_":
            assert split_of.setdefault(clip.speaker, clip.split) == clip.split


def test_own_splits_that_tear_a_speaker_apart_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = _place(TornWords, tmp_path / "sets", monkeypatch)
    with pytest.raises(DataError, match="put 8 speakers into two splits"):
        prepare(spec, DataSettings(keywords=("go", "stop")), tmp_path / "cache")


def test_a_keyword_that_the_set_does_not_know_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = _place(TinyWords, tmp_path / "sets", monkeypatch)
    with pytest.raises(DataError, match="Did you mean 'stop'"):
        prepare(spec, DataSettings(keywords=("go", "stopp")), tmp_path / "cache")


@pytest.mark.parametrize(("name", "message"), [("speech_comands", "Did you mean 'speech_commands'"),
                                               ("mnist", "with audio and classes")])  # fmt: skip
def test_sets_that_cannot_serve_are_refused(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        prepare(f"tfds:{name}", DataSettings(), tmp_path)


def test_without_a_network_the_error_comes_fast_and_says_where_to_put_the_archives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "sets"))
    tried = []
    monkeypatch.setattr(tfds_source, "_unreachable", lambda url: tried.append(url) or f"no connection to {url}")
    with pytest.raises(DataError) as caught:
        prepare("tfds:speech_commands", DataSettings(), tmp_path / "cache")
    text = str(caught.value)
    assert "speech_commands_v0.02.tar.gz" in text
    assert str(tmp_path / "sets" / "downloads" / "manual") in text
    assert "folder:PATH" in text
    assert len(tried) == 1, "one server that does not answer is enough"


def test_a_server_that_does_not_answer_is_waited_for_a_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # it takes connections and says nothing
        monkeypatch.setattr(tfds_source, "_CONNECT_SECONDS", 0.1)
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/archive.tar.gz"
        assert "no connection to 127.0.0.1 (timed out)" in tfds_source._unreachable(url)
    assert "no connection to 127.0.0.1" in tfds_source._unreachable(url)  # nor does a closed port


def test_the_wait_is_short() -> None:
    assert tfds_source._CONNECT_SECONDS <= 5


def test_archives_placed_by_hand_need_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(tfds_source, "_unreachable", lambda url: pytest.fail(f"asked {url}"))
    manual = tmp_path / "downloads" / "manual"
    manual.mkdir(parents=True)
    (manual / "archive.tar.gz").write_bytes(b"x")
    asked = []
    builder = SimpleNamespace(
        name="words",
        data_dir=str(tmp_path / "words" / "1.0.0"),
        url_infos={"http://example.invalid/archive.tar.gz": SimpleNamespace(filename="archive.tar.gz")},
        download_and_prepare=lambda download_config: asked.append(download_config.manual_dir),
    )
    tfds_source.fetch(builder, tmp_path / "cache")
    assert asked == [str(manual)]


def test_a_folder_through_tfrecords_is_the_folder(
    make_folder: Callable[..., Path], small_settings: DataSettings, tmp_path: Path
) -> None:
    root = make_folder(tmp_path / "größe und mehr", speakers=30)
    (root / "bird" / "e0_nohash_0.wav").write_bytes(b"")
    direct = prepare(f"folder:{root}", small_settings, tmp_path / "direct")
    records = prepare(f"tfds-folder:{root}", small_settings, tmp_path / "records")
    assert records.clips == direct.clips
    assert records.corrupt == direct.corrupt != ()
    assert records.notes == direct.notes
    assert records.split_sha256("test") == direct.split_sha256("test")
    for split in ("train", "test"):
        np.testing.assert_array_equal(records.audio(split).audio, direct.audio(split).audio)
    np.testing.assert_array_equal(records.noise.samples, direct.noise.samples)
    assert list((tmp_path / "records").glob("tfds/*/folder_builder/*/*.tfrecord-*"))


def test_the_records_can_be_read_by_tensorflow_datasets(
    make_folder: Callable[..., Path], tmp_path: Path, burst: Callable[..., np.ndarray]
) -> None:
    from kws_tfmot.data.clip_folder import list_folder
    from kws_tfmot.data.tfds_folder import folder_builder

    root = make_folder(tmp_path / "set", speakers=3, noise_seconds=2)
    listing = list_folder(root, DataSettings().speaker_pattern)
    builder = folder_builder(listing, RATE, RATE, tmp_path / "records")
    builder.download_and_prepare()
    examples = list(tfds.as_numpy(builder.as_dataset(split="clips", shuffle_files=True)))
    assert len(examples) == 12
    for example in examples:
        np.testing.assert_array_equal(example["audio"], burst(example["path"].decode()))


@pytest.mark.parametrize("error", [RuntimeError("ResourceExhaustedError: no space"), OSError(28, "No space left")])
def test_records_that_cannot_be_written_are_made_for_the_command_alone(
    small_folder: Path, small_settings: DataSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    from kws_tfmot.data.tfds_folder import FolderBuilder

    whole = FolderBuilder.download_and_prepare

    def full(self, *arguments, **named) -> None:
        if Path(self.data_dir).is_relative_to(tmp_path):
            raise error
        whole(self, *arguments, **named)

    monkeypatch.setattr(FolderBuilder, "download_and_prepare", full)
    index = prepare(f"tfds-folder:{small_folder}", small_settings, tmp_path / "cache")
    assert "cannot be written" in index.notes[-1] and "o space" in index.notes[-1]
    assert index.counts() == prepare(f"folder:{small_folder}", small_settings, tmp_path / "other").counts()


@pytest.fixture(scope="module")
def tiny_set(tmp_path_factory) -> Path:
    """A set that is whole, to be damaged in copies."""
    folder = tmp_path_factory.mktemp("sets")
    TinyWords(data_dir=str(folder)).download_and_prepare()
    return folder


def _without(name: str) -> Callable[[Path], None]:
    return lambda place: next(place.glob(name)).unlink()


def _cut(name: str, keep: float) -> Callable[[Path], None]:
    def cut(place: Path) -> None:
        path = next(place.glob(name))
        path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])

    return cut


def _flipped(place: Path) -> None:
    path = next(place.glob("*test*tfrecord*"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _emptied(place: Path) -> None:
    for path in place.iterdir():
        path.unlink()


DAMAGE: dict[str, Callable[[Path], None]] = {
    "no records": _without("*test*tfrecord*"),
    "records cut short": _cut("*test*tfrecord*", 0.5),
    "records of zero length": _cut("*test*tfrecord*", 0),
    "a bit changed": _flipped,
    "no information": _without("dataset_info.json"),
    "information cut short": _cut("dataset_info.json", 0.5),
    "no features": _without("features.json"),
    "features cut short": _cut("features.json", 0.5),
    "no names": _without("label.labels.txt"),
    "nothing": _emptied,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_set_that_is_not_whole_is_refused(
    damage: Callable[[Path], None], tiny_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_set, tmp_path / "sets")
    damage(tmp_path / "sets" / "tiny_words" / "1.2.3")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "sets"))
    with pytest.raises(DataError) as caught:
        prepare("tfds:tiny_words", DataSettings(keywords=("go", "stop")), tmp_path / "cache")
    assert len(caught.value.hint) > 20
    assert list((tmp_path / "cache").glob("*")) == []


@pytest.mark.parametrize(
    "name", ["tiny_words:9.9.9", "tiny_words/other", "../tiny_words", "tiny_words/data_dir=/tmp", "é"]
)
def test_names_of_no_set_are_refused(
    name: str, tiny_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFDS_DATA_DIR", str(tiny_set))
    with pytest.raises(DataError, match="TensorFlow Datasets"):
        prepare(f"tfds:{name}", DataSettings(keywords=("go", "stop")), tmp_path / "cache")


@pytest.mark.parametrize("kind", ["tfds:tiny_words", "tfds-folder:FOLDER"])
def test_without_tensorflow_datasets_the_way_out_is_to_install_it(
    kind: str, small_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(ToolchainError, match=r"pip install '\.\[tfds\]'"):
        prepare(kind.replace("FOLDER", str(small_folder)), DataSettings(keywords=("go", "stop")), tmp_path / "cache")
