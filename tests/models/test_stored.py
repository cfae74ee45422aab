"""Stored Keras models are opened without running what lies in them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from kws_tfmot.errors import ModelError
from kws_tfmot.keras import keras, tf
from kws_tfmot.models.families import model_names
from kws_tfmot.models.model_settings import ModelSettings
from kws_tfmot.models.network_builder import build_model
from kws_tfmot.models.stored import load_stored, save_stored


def small(layer: keras.layers.Layer) -> keras.Model:
    entry = keras.layers.Input((4,))
    return keras.Model(entry, layer(keras.layers.Dense(3, activation="relu", kernel_regularizer="l2")(entry)))


@pytest.fixture
def mark(tmp_path, monkeypatch):
    """A file that the hostile layers make when their code runs."""
    path = tmp_path / "ran"
    monkeypatch.setenv("KWS_MARK", str(path))
    return path


HOSTILE = "lambda x: (__import__('pathlib').Path(__import__('os').environ['KWS_MARK']).touch(), x)[1]"


def test_a_saved_model_does_not_say_when(tmp_path):
    model, path = small(keras.layers.ReLU()), tmp_path / "model.keras"
    save_stored(model, path)
    with zipfile.ZipFile(path) as archive:
        assert {part.date_time for part in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert set(json.loads(archive.read("metadata.json"))) == {"keras_version"}
    for stored, own in zip(load_stored(path).get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(stored, own)


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_a_lambda_layer_runs_nothing(tmp_path, mark, suffix):
    path = tmp_path / f"model{suffix}"
    code = keras.layers.Lambda(eval(HOSTILE))
    small(code).save(path)
    mark.unlink(missing_ok=True)
    with pytest.raises(ModelError, match="may run code"):
        load_stored(path)
    assert not mark.exists()


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_functions_of_tensorflow_are_refused(tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    entry = keras.layers.Input((4,))
    keras.Model(entry, tf.io.encode_base64(tf.strings.as_string(entry))).save(path)
    with pytest.raises(ModelError, match="may run code"):
        load_stored(path)


def with_config(path: Path, changed: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """``path``, a .keras file, with another architecture."""
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(changed, "w") as target:
        for name in archive.namelist():
            data = archive.read(name)
            if name == "config.json":
                config = json.loads(data)
                change(config)
                data = json.dumps(config).encode()
            target.writestr(name, data)


def test_modules_are_not_imported(tmp_path):
    path, changed = tmp_path / "model.keras", tmp_path / "changed.keras"
    small(keras.layers.ReLU()).save(path)
    with_config(path, changed, lambda config: config["config"]["layers"][1].update(module="this"))
    with pytest.raises(ModelError, match="names the module 'this'"):
        load_stored(changed)


@pytest.mark.parametrize("name", ["exit", "input", "breakpoint"])
def test_functions_of_python_are_not_called(tmp_path, name):
    path, changed = tmp_path / "model.keras", tmp_path / "changed.keras"
    small(keras.layers.ReLU()).save(path)
    function = {"class_name": "function", "module": "builtins", "config": name, "registered_name": name}
    with_config(path, changed, lambda config: config["config"]["layers"][1]["config"].update(activation=function))
    with pytest.raises(ModelError, match=f"calls '{name}' of Python"):
        load_stored(changed)


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_layers_of_keras_come_back(tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    network = small(
        keras.Sequential([keras.layers.Reshape((3, 1, 1)), keras.layers.Conv2D(2, 1), keras.layers.Flatten()])
    )
    network.save(path)
    values = np.ones((2, 4), np.float32)
    assert np.array_equal(load_stored(path)(values).numpy(), network(values).numpy())


@pytest.mark.parametrize("data", [b"", b"no model", b"PK\x03\x04rubbish", b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_other_files_are_refused(tmp_path, data):
    path = tmp_path / "model.h5"
    path.write_bytes(data)
    with pytest.raises(ModelError, match="is no Keras model"):
        load_stored(path)


def test_a_file_that_is_missing(tmp_path):
    with pytest.raises(ModelError, match="no Keras model"):
        load_stored(tmp_path / "none.h5")


@pytest.mark.parametrize(
    # The layers of all are read in test_models, from .keras files.
    "family",
    [pytest.param(each, marks=[] if each in ("ds_cnn", "mbconv") else [pytest.mark.slow]) for each in model_names()],
)
def test_every_family_comes_back_from_hdf5(tmp_path, family):
    network = build_model(ModelSettings(name=family, blocks={"mbconv": 4, "ds_cnn": 2}.get(family)), (49, 10), 5)
    path = tmp_path / "model.h5"
    network.save(path)
    assert load_stored(path).count_params() == network.count_params()


def test_a_file_that_is_hdf5_and_a_zip_archive_is_judged_by_what_keras_opens(tmp_path, mark):
    """Bytes behind an HDF5 file are allowed, and a zip archive is found from its end: each had an architecture."""
    harmless, path = tmp_path / "harmless.keras", tmp_path / "compressed.h5"
    small(keras.layers.ReLU()).save(harmless)
    small(keras.layers.Lambda(eval(HOSTILE))).save(path)
    mark.unlink(missing_ok=True)
    path.write_bytes(path.read_bytes() + harmless.read_bytes())
    assert zipfile.is_zipfile(path)
    with pytest.raises(ModelError, match="may run code"):
        load_stored(path)
    assert not mark.exists()


def test_damaged_archives_are_refused(tmp_path):
    """Also where a changed bit says that a part is encrypted, deflated, or of a method that nobody knows."""
    path, changed = tmp_path / "model.keras", tmp_path / "changed.keras"
    small(keras.layers.ReLU()).save(path)
    data, refused = path.read_bytes(), 0
    for name in (b"config.json", b"model.weights.h5"):  # behind 30 bytes of its own header and 46 of the directory's
        for flags in (data.index(name) - 30 + 6, data.rindex(name) - 46 + 8):
            for place in range(flags - 2, flags + 4):
                for bit in (1, 64):
                    damaged = bytearray(data)
                    damaged[place] ^= bit
                    changed.write_bytes(damaged)
                    try:
                        load_stored(changed)
                    except ModelError:
                        refused += 1
    assert refused >= 10  # of 48; most bits of a header mean nothing to a reader


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_layers_that_the_file_cannot_fill_take_no_memory(tmp_path, suffix, monkeypatch):
    def none(*_, **__):
        raise AssertionError("memory was asked for")

    path = tmp_path / f"model{suffix}"
    small(keras.layers.ReLU()).save(path)
    if suffix == ".h5":
        with h5py.File(path, "r+") as file:
            file.attrs["model_config"] = file.attrs["model_config"].replace('"units": 3', '"units": 40000000')
    else:
        path = path.rename(tmp_path / "saved.keras")
        changed = tmp_path / "model.keras"
        with_config(path, changed, lambda config: config["config"]["layers"][1]["config"].update(units=40_000_000))
        path = changed
    monkeypatch.setattr(keras.initializers.GlorotUniform, "__call__", none)
    with pytest.raises(ModelError, match=r"layers hold more than 4,194,304 numbers"):
        load_stored(path)
