"""Settings inside a model."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tflite_builders import build, operator, tensor

from kws_tfmot.contract import ModelContract
from kws_tfmot.errors import KwsError, ModelError
from kws_tfmot.recipe import load_recipe
from kws_tfmot.tflite.document import pack, unpack
from kws_tfmot.tflite.edit import add_buffer, open_for_edit
from kws_tfmot.tflite.inspect import inspect
from kws_tfmot.tflite.interpreter import outputs_equal
from kws_tfmot.tflite.metadata import SETTINGS_NAME, read_settings, write_settings
from kws_tfmot.tflite.reader import read_model
from kws_tfmot.tflite.schema import MetadataT

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
    assert write_settings(write_settings(model, {"labels": ["x" * 200]}), SETTINGS) == written


def test_foreign_metadata_stays(model):
    root = open_for_edit(model)
    root.metadata = [MetadataT(b"theirs", add_buffer(root, b"abc"))]
    written = write_settings(pack(root), SETTINGS)
    assert read_model(written).metadata["theirs"] == b"abc"


@pytest.mark.parametrize("text", [b"", b"[1]", b"{", b"\xff\xfe", b"[" * 100_000])
def test_metadata_that_is_no_json_object_is_refused(model, text):
    root = unpack(model)
    root.metadata = [MetadataT(SETTINGS_NAME.encode(), add_buffer(root, text))]
    with pytest.raises(ModelError, match="JSON"):
        read_settings(pack(root))


def with_entry(model: bytes, text: bytes) -> bytes:
    root = unpack(model)
    root.metadata = [MetadataT(SETTINGS_NAME.encode(), add_buffer(root, text))]
    return pack(root)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"labels": 5}', "labels"),
        ('{"labels": [1, 2]}', "labels"),
        ('{"labels": []}', "labels"),
        ('{"labels": [""]}', "labels"),
        ('{"labels": ["a\\u0000"]}', "printable"),
        ('{"labels": ["\\ud800"]}', "surrogates"),
        ('{"\\udfff": 1}', "surrogates"),
        ('{"frontend": [1]}', "frontend"),
        ('{"frontend": "mfcc"}', "frontend"),
        ('{"data": 3}', "data"),
        ('{"detection": []}', "detection"),
        ('{"x": ' + "[" * 900 + "]" * 900 + "}", "levels"),
        ('{"x": NaN}', "NaN"),
        ('{"x": 1e999}', "no value"),
        ('{"x": 1' + "0" * 30 + "}", "64 bits"),
        ('{"x": 1' + "0" * 5000 + "}", "JSON"),
        ('{"x": 1, "x": 2}', "twice"),
    ],
)
def test_settings_of_wrong_kinds_are_refused(model, text, message):
    changed = with_entry(model, text.encode())
    for read in (read_settings, inspect):
        with pytest.raises(ModelError, match=message):
            read(changed)


def test_a_threshold_of_a_word_that_is_no_label_is_refused() -> None:
    given = {"labels": ["go", "_unknown_"], "frontend": {}, "detection": {"thresholds": {"go": 0.5}}}
    assert ModelContract._of_settings(given).detection.thresholds == {"go": 0.5}
    given["detection"] = {"thresholds": {"stop": 0.5}}
    with pytest.raises(ModelError, match="names 'stop', which is none of its keywords"):
        ModelContract._of_settings(given)


def test_a_model_says_that_it_was_trained_on_streams_and_others_keep_their_bytes() -> None:
    found = {name: load_recipe(name, ["data.keywords=[go]"]).contract() for name in ("wake_word", "demo")}
    assert "streams" not in found["demo"].to_settings() and found["wake_word"].to_settings()["streams"] is True
    for name, contract in found.items():
        assert ModelContract._of_settings(contract.to_settings()).streams == (name == "wake_word")
    for other in (1, "true", None, []):
        with pytest.raises(ModelError, match="expected true or false for streams"):
            ModelContract._of_settings(found["demo"].to_settings() | {"streams": other})


def test_absent_groups_may_be_null(model):
    assert read_settings(with_entry(model, b'{"labels": null, "seed": 3}')) == {"labels": None, "seed": 3}


def json_values():
    scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters())
    return st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12)


TINY = build([tensor((1, 2), "int8", 1.0), tensor((1, 2), "int8", 1.0)], [operator("RELU", [0], [1])], [0], [1])


@settings(max_examples=60, deadline=None)
@given(
    st.fixed_dictionaries(
        {}, optional={key: json_values() for key in ("labels", "frontend", "data", "detection", "versions")}
    )
    | json_values()
)
def test_whatever_the_settings_hold_only_a_kws_error_comes_of_it(values):
    changed = with_entry(TINY, json.dumps(values).encode())
    try:
        ModelContract.of_model(changed)
    except KwsError as err:
        str(err).encode("utf-8", "strict")


def test_settings_that_are_no_json_are_refused(model):
    for wrong in ({"x": float("nan")}, {"x": object()}, {"x": "y" * (1 << 21)}):
        with pytest.raises(ModelError, match=r"JSON|at most|no value"):
            write_settings(model, wrong)
