"""Settings inside a model."""

from __future__ import annotations

import pytest

from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.document import pack, unpack
from kws_tfmot.tflite.edit import add_buffer, open_for_edit
from kws_tfmot.tflite.interpreter import outputs_equal
from kws_tfmot.tflite.metadata import SETTINGS_NAME, read_settings, write_settings
from kws_tfmot.tflite.reader import read_model

SETTINGS = {"labels": ["größe", "yes", "_silence_"], "frontend": {"hop_ms": 20, "scale": 0.0625, "fft": None}}


def test_settings_come_back(model, tmp_path):
    assert read_settings(model) is None
    written = write_settings(model, SETTINGS)
    assert read_settings(written) == SETTINGS
    path = tmp_path / "größe model.tflite"
    path.write_bytes(written)
    assert read_settings(path) == read_settings(str(path)) == SETTINGS
    assert outputs_equal(model, written) and outputs_equal(model, written, "builtin")


def test_equal_settings_give_equal_bytes_whatever_was_there(model):
    written = write_settings(model, SETTINGS)
    reordered = dict(reversed(SETTINGS.items()))
    assert write_settings(model, reordered) == written
    assert write_settings(write_settings(model, {"labels": ["x" * 1000]}), SETTINGS) == written


def test_foreign_metadata_stays(model):
    root = open_for_edit(model)
    root["metadata"] = [{"name": b"theirs", "buffer": add_buffer(root, b"abc")}]
    written = write_settings(pack(root), SETTINGS)
    assert read_model(written).metadata["theirs"] == b"abc"


@pytest.mark.parametrize("text", [b"", b"[1]", b"{", b"\xff\xfe", b"[" * 100_000])
def test_metadata_that_is_no_json_object_is_refused(model, text):
    root = unpack(model)
    root["metadata"] = [{"name": SETTINGS_NAME.encode(), "buffer": add_buffer(root, text)}]
    with pytest.raises(ModelError, match="JSON"):
        read_settings(pack(root))


def test_settings_that_are_no_json_are_refused(model):
    for wrong in ({"x": float("nan")}, {"x": object()}, {"x": "y" * (1 << 21)}):
        with pytest.raises(ModelError, match=r"JSON|at most"):
            write_settings(model, wrong)
