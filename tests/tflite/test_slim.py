"""Slimming changes bytes, never results."""

from __future__ import annotations

import numpy as np
import pytest

from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.document import pack, unpack
from kws_tfmot.tflite.edit import add_buffer
from kws_tfmot.tflite.interpreter import available_kinds, open_interpreter, outputs_equal, random_inputs
from kws_tfmot.tflite.metadata import read_settings, write_settings
from kws_tfmot.tflite.reader import read_model
from kws_tfmot.tflite.schema import MetadataT, generated
from kws_tfmot.tflite.slim import slim


@pytest.fixture(scope="module")
def fat(model) -> bytes:
    """The model with what converters add: ranges, foreign metadata, a description, signatures, settings."""
    root = unpack(write_settings(model, {"labels": list("abcde")}))
    root.description = b"made for a test"
    root.metadata.append(MetadataT(b"min_runtime_version", add_buffer(root, b"1.14.0" + bytes(10))))
    maps = [generated.TensorMapT(b"x", 0)]
    root.signatureDefs = [generated.SignatureDefT(maps, maps, b"serving_default")]
    for tensor in root.subgraphs[0].tensors:
        if tensor.quantization is not None:
            scales = tensor.quantization.scale
            tensor.quantization.min, tensor.quantization.max = -128 * scales, 127 * scales
    return pack(root)


def test_portable_runs_everywhere_and_is_smaller(fat):
    slimmed = slim(fat)
    assert len(slimmed) < len(fat) * 0.9
    for kind in available_kinds():
        assert outputs_equal(fat, slimmed, kind)
    graph = read_model(slimmed)
    assert not graph.description and set(graph.metadata) == {"kws_tfmot"} and not any(t.name for t in graph.tensors)


def test_tflm_level_is_smaller_still_and_runs_in_tflm_alone(fat):
    slimmed = slim(fat, "tflm")
    assert len(slimmed) < len(slim(fat))
    assert outputs_equal(fat, slimmed, "tflm")
    with pytest.raises(ModelError, match="cannot open"):
        open_interpreter(slimmed, "builtin")


def test_options_to_keep(fat):
    assert read_settings(slim(fat)) == {"labels": list("abcde")}
    assert read_settings(slim(fat, keep_settings=False)) is None
    assert not unpack(slim(fat)).signatureDefs and unpack(slim(fat, keep_signatures=True)).signatureDefs


def test_slimming_twice_changes_nothing(fat):
    for level in ("portable", "tflm"):
        assert slim(slim(fat, level), level) == slim(fat, level)


def test_a_changed_weight_is_noticed(fat):
    """The check of outputs can fail."""
    root = unpack(fat)
    weights = root.subgraphs[0].tensors[1]
    root.buffers[weights.buffer].data = 127 - np.asarray(root.buffers[weights.buffer].data)
    assert not outputs_equal(fat, pack(root))


def test_unknown_level(fat):
    with pytest.raises(ModelError, match="Did you mean 'portable'"):
        slim(fat, "portabel")


def test_random_inputs_are_reproducible(fat):
    graph = read_model(fat)
    assert np.array_equal(random_inputs(graph, 3, 7), random_inputs(graph, 3, 7))
    assert random_inputs(graph, 3, 7).shape == (3, 20, 10, 1)
