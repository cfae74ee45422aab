"""Data sets that come through TensorFlow Datasets: its own audio sets, and folders as sharded TFRecords."""

from __future__ import annotations

import contextlib
import io
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kws_tfmot.data.audio import Decoded, Int16, fit_clip
from kws_tfmot.data.build_index import build_index, check_keywords
from kws_tfmot.data.clip_folder import list_folder
from kws_tfmot.data.clip_index import ClipIndex
from kws_tfmot.data.data_settings import DataSettings
from kws_tfmot.data.labels import SILENCE, SPLITS, label_of
from kws_tfmot.data.source_table import SourceClip, SourceTable, table_of
from kws_tfmot.data.store import AudioStore, Progress, cached_store, store_key, unwritable
from kws_tfmot.errors import DataError, ToolchainError, did_you_mean, install_extra
from kws_tfmot.files import user_path

_SPLIT_NAMES = {name: name for name in SPLITS} | {"valid": "validation", "dev": "validation"}
_CONNECT_SECONDS = 5.0
_NO_SOUND = "it holds no samples, or some that are not finite"


def prepare_tfds(
    spec: str, rest: str, settings: DataSettings, cache: Path, progress: Progress | None = None
) -> ClipIndex:
    """:func:`kws_tfmot.data.prepare` for ``tfds:NAME`` and ``tfds-folder:PATH``.

    Raises:
        DataError: There is no such set, it holds no audio classes, or it is neither here nor can be downloaded.
    """
    if spec.startswith("tfds-folder:"):
        return _prepare_records(spec, user_path(rest), settings, cache, progress)
    builder = open_builder(rest, cache)
    keys = audio_features(builder)
    names = list(builder.info.features[keys["label"]].names)
    found = {label_of(name, settings.keywords) for name in names}
    notes = check_keywords(settings, names, found, spec)
    fetch(builder, cache)
    store = _store_examples(builder, keys, settings, cache, progress)
    own = sorted(builder.info.splits)
    as_given = settings.split != "percent" and {_SPLIT_NAMES.get(name) for name in own} == set(SPLITS)
    if not as_given:
        notes.append(f"the set's own splits {own} are not used")
    elif settings.split != "all":
        notes.append("split as the set itself is")
    if "speaker" not in keys:
        notes.append("the set names no speakers: that none is in two splits rests on the set's own splits")

    def source() -> SourceTable:
        """The clips as a table, with the splits of the data set only where they are to be kept."""
        clips = (_clip_of(path) for path in store.paths)
        return table_of(clip if as_given else clip._replace(split="") for clip in clips)

    return build_index(spec, settings, source, {}, store, notes)


def data_dir(name: str, cache: Path) -> Path:
    """Where TFDS keeps ``name``: ``TFDS_DATA_DIR``, or its usual place if the set is there, else under ``cache``."""
    if chosen := os.environ.get("TFDS_DATA_DIR"):
        return user_path(chosen)
    usual = user_path("~/tensorflow_datasets")
    return usual if (usual / name.split("/")[0]).is_dir() else cache / "tfds"


def open_builder(name: str, cache: Path) -> Any:
    """The TFDS builder of ``name`` (``set`` or ``set/config``); nothing is downloaded."""
    tfds = _load_tfds()
    try:
        return tfds.builder(name, data_dir=str(data_dir(name, cache)))
    except tfds.core.DatasetNotFoundError:
        guess = did_you_mean(name, tfds.list_builders(with_community_datasets=False))
        raise DataError(f"TensorFlow Datasets has no set {name!r}.{guess}",
                        "Use tfds:speech_commands, or folder:PATH for clips of your own.") from None  # fmt: skip
    except Exception as err:  # of names and versions, and of a set's own files that are damaged
        raise DataError(f"TensorFlow Datasets cannot open {name!r}: {_first_line(err)}",
                        f"Check the name and its version; if {str(data_dir(name, cache))!r} holds the set, remove its "
                        "folder there.") from None  # fmt: skip


def _load_tfds() -> Any:
    from kws_tfmot.keras import tf  # noqa: F401  (sets the legacy switch before TFDS imports TensorFlow)

    try:
        import tensorflow_datasets as tfds  # isort: skip
    except ImportError as error:
        raise ToolchainError(f"this needs TensorFlow Datasets, which is not installed ({error}).",
                             install_extra("tfds")) from None  # fmt: skip
    return tfds


def audio_features(builder: Any) -> dict[str, str]:
    """The names of the features that hold the ``audio``, the ``label`` and, where there is one, the ``speaker``."""
    import tensorflow_datasets as tfds

    keys: dict[str, str] = {}
    for name, feature in builder.info.features.items():
        if isinstance(feature, tfds.features.Audio):
            keys.setdefault("audio", name)
        elif isinstance(feature, tfds.features.ClassLabel) and "speaker" not in name:
            keys.setdefault("label", name)
        elif "speaker" in name:
            keys.setdefault("speaker", name)
    if not {"audio", "label"} <= set(keys):
        raise DataError(f"expected a TFDS set with audio and classes. {builder.name!r} has {[*builder.info.features]}",
                        "Use tfds:speech_commands, or folder:PATH for clips of your own.")  # fmt: skip
    return keys


def fetch(builder: Any, cache: Path) -> None:
    """Download and prepare the set unless it is there; archives placed by hand are used without a network.

    Raises:
        DataError: An archive is missing and its server does not answer, with where to put the archive.
    """
    import tensorflow_datasets as tfds

    if Path(builder.data_dir).is_dir():
        if not sum(split.num_examples for split in builder.info.splits.values()):
            raise _damaged(builder, "its record lists no clips")
        return
    manual = data_dir(builder.name, cache) / "downloads" / "manual"
    infos = builder.url_infos or {}
    missing = {url: info.filename for url, info in infos.items() if not (manual / info.filename).is_file()}
    problem = next((reason for url in missing if (reason := _unreachable(url))), "")
    if not problem:
        try:
            config = tfds.download.DownloadConfig(manual_dir=str(manual), try_download_gcs=False)
            builder.download_and_prepare(download_config=config)
            return
        except Exception as err:  # TFDS passes on whatever its downloaders, parsers and file systems raise
            problem = _first_line(err)
    wanted = "\n".join(f"  {filename}  from {url}" for url, filename in missing.items()) or "  (see the set's own page)"
    raise DataError(
        f"tfds:{builder.name} is not prepared and cannot be downloaded: {problem}\nFiles it needs:\n{wanted}",
        f"Place them as they are, neither unpacked nor renamed, in {str(manual)!r} and run again; or unpack an archive "
        "and use folder:PATH.",
    )


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or ['no message'])[0][:300]}"


def _damaged(builder: Any, reason: str) -> DataError:
    return DataError(f"the set in {str(builder.data_dir)!r} cannot be read: {reason}.",
                     "It was prepared in part only, or is damaged: remove that folder and run again.")  # fmt: skip


@contextlib.contextmanager
def _reading(builder: Any) -> Iterator[None]:
    try:
        yield
    except Exception as err:  # TensorFlow's, of files that are missing, cut short or of another set
        raise _damaged(builder, _first_line(err)) from None


def _unreachable(url: str) -> str:
    """Why ``url`` cannot be had, found out in seconds; empty where it answers."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=_CONNECT_SECONDS):
            return ""
    except urllib.error.HTTPError as err:
        return f"{url} answers {err.code} {err.reason}"
    except (OSError, ValueError) as err:
        return f"no connection to {urllib.parse.urlparse(url).hostname} ({err})"


def _store_examples(
    builder: Any,
    keys: dict[str, str],
    settings: DataSettings,
    cache: Path,
    progress: Progress | None,
) -> AudioStore:
    names = builder.info.features[keys["label"]].names
    own_rate = builder.info.features[keys["audio"]].sample_rate or settings.sample_rate
    sizes = {name: int(split.num_examples) for name, split in builder.info.splits.items()}
    key = store_key("tfds", builder.info.full_name, str(builder.data_dir), sizes, names, settings.sample_rate,
                    settings.clip_samples)  # fmt: skip
    noise: list[Int16] = []

    def decoded() -> Iterator[tuple[str, Decoded]]:
        """Path and int16 samples of every example, brought to the rate and length of the settings."""
        for split in sizes:
            for example in _examples(builder, split):
                word = names[int(example[keys["label"]])]
                speaker = _text(example[keys["speaker"]]) if "speaker" in keys else ""
                path = "/".join((_SPLIT_NAMES.get(split, ""), speaker, word, _text(example["tfds_id"])))
                samples = _at_int16_scale(example[keys["audio"]])
                if len(samples) and np.isfinite(samples).all():
                    clip = fit_clip(samples, own_rate, settings.sample_rate, settings.clip_samples)
                else:
                    clip = Decoded(np.zeros(0, np.int16), problem=_NO_SOUND)
                if _SPLIT_NAMES.get(split) == "train" and word == SILENCE and not clip.problem:
                    noise.append(clip.samples)
                yield path, clip

    def noises() -> tuple[list[tuple[str, Int16]], list[str]]:
        """The training split's silence as one noise; no notes."""
        # The silence of the training split is pieces of background noise: it serves as such too.
        return ([(f"train/{SILENCE}", np.concatenate(noise))], []) if noise else ([], [])

    return cached_store(key, decoded, noises, sum(sizes.values()), settings.clip_samples, cache, progress)


def _clip_of(path: str) -> SourceClip:
    """The clip of a path made by :func:`_store_examples`: all that is known of it is there."""
    split, speaker, word, _ = path.split("/", 3)
    return SourceClip(path, word, speaker, split)


def _examples(builder: Any, split: str) -> Iterator[dict[str, Any]]:
    import tensorflow_datasets as tfds

    config = tfds.ReadConfig(add_tfds_id=True, interleave_cycle_length=1)
    with _reading(builder):
        yield from tfds.as_numpy(builder.as_dataset(split=split, shuffle_files=False, read_config=config))


def _text(value: Any) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text.replace("/", "_")


def _at_int16_scale(samples: Any) -> Any:
    """Samples of any TFDS audio feature, one channel, as int16 or float32 at int16 scale."""
    samples = np.asarray(samples)
    if samples.ndim > 1:
        samples = samples.mean(axis=-1)
    if np.issubdtype(samples.dtype, np.integer):
        return np.clip(samples, -32768, 32767).astype(np.int16)
    loud = float(np.abs(samples).max(initial=0.0))
    return (samples * (32768.0 if loud <= 1.0 else 1.0)).astype(np.float32)


def _prepare_records(
    spec: str, root: Path, settings: DataSettings, cache: Path, progress: Progress | None = None
) -> ClipIndex:
    """A folder, by way of sharded TFRecords that stay under ``cache`` for use with tf.data."""
    _load_tfds()
    from kws_tfmot.data.tfds_folder import folder_builder, read_noises, read_records
    from kws_tfmot.keras import tf

    listing = list_folder(root, settings.speaker_pattern, settings.keywords)
    labels = {label_of(word, settings.keywords) for word in listing.clips.words.names}
    notes = [*listing.notes, *check_keywords(settings, list(listing.folders), labels, str(root))]
    key = store_key("records", str(root.resolve()), listing.key, settings.sample_rate, settings.clip_samples)
    builder = folder_builder(listing, settings.sample_rate, settings.clip_samples, cache / "tfds" / key)
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # TFDS announces a download, and there is none
            builder.download_and_prepare()
    except (OSError, RuntimeError, tf.errors.OpError) as error:  # TFDS wraps what TensorFlow says of a full disk
        raise unwritable(cache, getattr(error, "message", "") or str(error)) from None

    def clips() -> Iterator[tuple[str, Decoded]]:
        """Every clip of the records."""
        with _reading(builder):
            yield from read_records(builder)

    def noises() -> tuple[list[tuple[str, Int16]], list[str]]:
        """The background noises of the records, and notes on them."""
        with _reading(builder):
            return read_noises(builder)

    store = cached_store(key, clips, noises, len(listing.clips), settings.clip_samples, cache, progress)
    return build_index(spec, settings, lambda: listing.clips, listing.listed, store, notes)
