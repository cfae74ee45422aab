"""Packing weights for TFLM_DECODE: smaller where it says so, the same outputs always."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "tflite"))

from tflite_builders import ds_cnn

from firmware_export.tflm.decode import HEADER, encode_prune, pack_for_decode
from firmware_export.tflm.tflm_export import export_tflm
from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.document import pack, unpack
from kws_tfmot.tflite.interpreter import outputs_equal
from kws_tfmot.tflite.reader import read_model
from kws_tfmot.tflite.slim import slim


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 1.0])
@pytest.mark.parametrize("count", [1, 7, 8, 9, 1000])
def test_bitmap_and_values_stand_for_the_weights(share, count):
    rng = np.random.default_rng(count)
    weights = rng.integers(1, 128, count).astype(np.int8) * (rng.random(count) >= share)
    bitmap, ancillary = encode_prune(weights)
    assert ancillary[:16] == HEADER and len(bitmap) == -(-count // 8)
    kept = [bool(bitmap[index // 8] & (0x80 >> index % 8)) for index in range(count)]
    values = iter(np.frombuffer(ancillary[16:], np.int8))
    assert [next(values) if keep else 0 for keep in kept] == weights.tolist()
    assert next(values, None) is None


@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.8, 0.95])
def test_packed_where_it_saves_and_never_otherwise(sparsity):
    model = ds_cnn(np.random.default_rng(3), width=48, sparsity=sparsity)
    packed, decisions = pack_for_decode(model)
    baseline = slim(model, "tflm")
    assert outputs_equal(model, packed)
    saved = sum(each.saved_bytes for each in decisions if each.packed)
    assert len(packed) == len(baseline) - saved
    assert all(each.packed == (each.saved_bytes > 0) for each in decisions)
    assert [each.packed for each in decisions if each.code == "DEPTHWISE_CONV_2D"] == [False, False]  # not pruned
    if sparsity == 0:
        assert packed == baseline and not any(each.packed for each in decisions)
    if sparsity >= 0.8:
        assert saved > 2000 and all(each.packed for each in decisions if each.elements > 2000)
    codes = [operator.code for operator in read_model(packed).operators]
    assert codes.count("TFLM_DECODE") == sum(each.packed for each in decisions)


def test_the_decoder_stands_right_before_its_layer():
    packed, _ = pack_for_decode(ds_cnn(np.random.default_rng(3), width=48, sparsity=0.9))
    operators = read_model(packed).operators
    for one, following in itertools.pairwise(operators):
        if one.code == "TFLM_DECODE":
            assert one.outputs[0] == following.inputs[1]


def test_a_wrong_bitmap_is_noticed():
    """The comparison behind the export can fail."""
    model = ds_cnn(np.random.default_rng(3), width=48, sparsity=0.9)
    packed, _ = pack_for_decode(model)
    root = unpack(packed)
    decoder = next(o for o in read_model(packed).operators if o.code == "TFLM_DECODE")
    buffer = root.buffers[root.subgraphs[0].tensors[decoder.inputs[0]].buffer]
    buffer.data = np.roll(buffer.data, 1)
    assert not outputs_equal(model, pack(root))


def test_export_with_decode(tmp_path):
    model = ds_cnn(np.random.default_rng(3), width=48, sparsity=0.9)
    report = export_tflm(model, tmp_path, decode=True)
    assert "TFLM_DECODE" in report.operators and any(each.packed for each in report.decode)
    assert outputs_equal(model, tmp_path / "kws_model.tflite")
    assert report.model_bytes < len(slim(model, "tflm"))
    text = (tmp_path / "README.md").read_text()
    assert "Weights packed for TFLM_DECODE" in text and "it costs about" in text
    assert "resolver.AddDecode()" in (tmp_path / "kws_model_ops.h").read_text()


def test_export_with_decode_and_nothing_to_pack(tmp_path):
    model = ds_cnn(np.random.default_rng(3), width=8)
    report = export_tflm(model, tmp_path, decode=True)
    assert "TFLM_DECODE" not in report.operators and report.model_bytes == len(slim(model, "tflm"))


def test_a_packed_model_runs_nowhere_else():
    packed, _ = pack_for_decode(ds_cnn(np.random.default_rng(3), width=48, sparsity=0.9))
    with pytest.raises(ModelError, match="cannot open"):
        outputs_equal(packed, packed, "builtin")
