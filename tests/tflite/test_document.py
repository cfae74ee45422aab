"""A file as LiteRT's typed model: there and back."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.document import pack, unpack
from kws_tfmot.tflite.edit import cut, finish, new_quantization, open_for_edit
from kws_tfmot.tflite.interpreter import open_interpreter, outputs_equal, random_inputs
from kws_tfmot.tflite.reader import read_model
from kws_tfmot.tflite.schema import BufferT, ModelT, OperatorCodeT, SubGraphT, TensorT
from kws_tfmot.tflite.sharing_builder import BUFFER_ALIGNMENT


def test_unpacked_and_packed_again_is_the_same_bytes(model):
    assert pack(unpack(model)) == model
    assert pack(unpack(model, strict=True)) == model


def test_another_writer_reads_what_is_packed(model):
    """LiteRT's readers as they come, which check nothing, agree."""
    from ai_edge_litert import schema_py_generated as generated

    theirs = generated.Model.GetRootAs(model, 0)
    graph = read_model(model)
    subgraph = theirs.Subgraphs(0)
    assert theirs.Version() == 3 and subgraph.TensorsLength() == len(graph.tensors)
    for index, ours in enumerate(graph.tensors):
        assert tuple(subgraph.Tensors(index).ShapeAsNumpy()) == ours.shape
        assert subgraph.Tensors(index).Name().decode() == ours.name
    for index, operator in enumerate(graph.operators):
        assert tuple(subgraph.Operators(index).InputsAsNumpy()) == operator.inputs
    options = generated.Conv2DOptions()
    union = subgraph.Operators(0).BuiltinOptions()
    options.Init(union.Bytes, union.Pos)
    assert options.StrideW() == graph.operators[0].options["stride_w"] == 2


def test_buffers_are_aligned(model):
    root = unpack(model)
    base = np.frombuffer(model, np.uint8).__array_interface__["data"][0]
    addresses = [b.data.__array_interface__["data"][0] - base for b in root.buffers if b.data is not None]
    assert len(addresses) > 5 and all(address % BUFFER_ALIGNMENT == 0 for address in addresses)


def test_equal_parts_are_written_once():
    def with_tensors(count):
        zeros = [new_quantization(np.ones(500), np.zeros(500)) for _ in range(count)]
        tensors = [TensorT(buffer=number, quantization=each) for number, each in enumerate(zeros)]
        return pack(ModelT(subgraphs=[SubGraphT(tensors)]))

    once, twice = with_tensors(1), with_tensors(2)
    assert len(twice) - len(once) < 64


def test_unknown_fields_are_refused_on_writing_and_in_strict_reading(model):
    with pytest.raises(ModelError, match="no fields"):
        root = ModelT()
        root.versoin = 3
        pack(root)
    newer = bytearray(model)
    root = struct.unpack_from("<I", newer, 0)[0]
    vtable = root - struct.unpack_from("<i", newer, root)[0]
    size = struct.unpack_from("<H", newer, vtable)[0]
    # Move the model's field list to the end of the file and make it longer than the schema knows.
    longer = newer[vtable : vtable + size] + bytes(40 - size) + struct.pack("<H", 4)
    struct.pack_into("<H", longer, 0, len(longer))
    struct.pack_into("<i", newer, root, root - len(newer))
    newer += longer
    assert read_model(bytes(newer)).operators
    with pytest.raises(ModelError, match="newer than the schema"):
        unpack(bytes(newer), strict=True)


def test_a_cut_model_ends_at_the_tensor_asked_for(model):
    graph = read_model(model)
    whole = open_interpreter(model, "tflm")
    sample = random_inputs(graph, 1, seed=3)
    inside = whole.intermediates(sample)
    for operator in graph.operators[:-1]:
        part = open_interpreter(cut(model, operator.outputs), "tflm")
        assert len(part.graph.operators) == operator.index + 1
        assert np.array_equal(part.run(sample), inside[operator.outputs[0]])


def test_finish_drops_what_nothing_refers_to(model):
    root = open_for_edit(model)
    before = len(finish(root))
    root.buffers.append(BufferT(data=np.ones(5000, np.uint8)))
    root.operatorCodes.append(OperatorCodeT())
    root.subgraphs[0].tensors.append(TensorT(np.array([7], np.int32)))
    again = finish(root)
    assert len(again) == before and outputs_equal(again, model)
