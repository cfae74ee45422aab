"""Reading a .tflite: what comes out of good files, and that nothing but ModelError comes out of bad ones."""

from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest
from tflite_builders import build, ds_cnn, operator, tensor
from tflite_fuzz import mutations

from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.document import gathered, pack, unpack
from kws_tfmot.tflite.edit import set_options
from kws_tfmot.tflite.reader import read_model
from kws_tfmot.tflite.schema import (
    BufferT,
    DimensionMetadataT,
    MetadataT,
    OperatorCodeT,
    SparsityParametersT,
    SubGraphT,
    TensorT,
    camel_case,
)

RELU = ("Conv2DOptions", {"padding": 1, "stride_w": 1, "stride_h": 1})


def one_layer(**changes):
    """A model of one 1x1 convolution, for tests to spoil."""
    tensors = [
        tensor((1, 4, 4, 2), "int8", 0.5, 3, name="in"),
        tensor((3, 1, 1, 2), "int8", [0.1, 0.2, 0.3], 0, 0, np.arange(6, dtype=np.int8), "weights"),
        tensor((3,), "int32", [0.05, 0.1, 0.15], 0, 0, np.arange(3, dtype=np.int32)),
        tensor((1, 4, 4, 3), "int8", 0.25, -128),
    ]
    root = unpack(build(tensors, [operator("CONV_2D", [0, 1, 2], [3], RELU, 3)], [0], [3]))
    graph = root.subgraphs[0]
    for key, value in changes.items():
        kind, _, field = key.partition("__")
        target = {
            "tensor": graph.tensors[1],
            "input": graph.tensors[0],
            "operator": graph.operators[0],
            "graph": graph,
            "model": root,
            "options": graph.operators[0].builtinOptions,
            "quantization": graph.tensors[1].quantization,
        }[kind]
        assert hasattr(target, camel_case(field))
        if field == "builtin_options":
            set_options(target, value[0], **value[1]) if value else vars(target).update(builtinOptions=None)
        else:
            setattr(target, camel_case(field), value)
    return pack(root)


def test_everything_of_a_small_model_is_read():
    graph = read_model(one_layer())
    assert [t.shape for t in graph.tensors] == [(1, 4, 4, 2), (3, 1, 1, 2), (3,), (1, 4, 4, 3)]
    assert [t.dtype for t in graph.tensors] == ["int8", "int8", "int32", "int8"]
    assert graph.inputs == (0,) and graph.outputs == (3,) and graph.tensors[0].name == "in"
    assert graph.tensors[1].quantization.scales == tuple(float(np.float32(s)) for s in (0.1, 0.2, 0.3))
    assert graph.tensors[0].data is None and graph.tensors[1].data.tolist() == [[[[0, 1]]], [[[2, 3]]], [[[4, 5]]]]
    assert graph.operators[0].code == "CONV_2D" and graph.operators[0].version == 3
    assert graph.operators[0].options["padding"] == "VALID"
    assert graph.operators[0].options["fused_activation_function"] == "NONE"
    assert graph.operators[0].options["dilation_w_factor"] == 1  # the schema's default
    assert graph.size == len(one_layer())


def test_weights_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        read_model(one_layer()).tensors[1].data[0] = 1


@pytest.mark.parametrize(
    "fields",
    [{"deprecatedBuiltinCode": 3}, {"builtinCode": 3}, {"deprecatedBuiltinCode": 3, "builtinCode": 3}],
)
def test_operator_codes_of_old_and_new_converters(fields):
    assert read_model(one_layer(model__operator_codes=[OperatorCodeT(**fields)])).operators[0].code == "CONV_2D"


def test_operator_codes_above_127_stand_in_the_new_field():
    new = [OperatorCodeT(127, builtinCode=150)]
    assert read_model(one_layer(model__operator_codes=new, operator__builtin_options=None)).operators[0].code == "GELU"


def test_a_dynamic_batch_is_one():
    model = one_layer(input__shape_signature=np.array([-1, 4, 4, 2], np.int32))
    assert read_model(model).tensors[0].shape == (1, 4, 4, 2)
    with pytest.raises(ModelError, match="at least 1"):  # TFLM would take the shape at its word
        read_model(one_layer(input__shape=np.array([-1, 4, 4, 2], np.int32)))


def test_a_single_zero_point_stands_for_all_channels():
    graph = read_model(one_layer(quantization__zero_point=np.zeros(1, np.int64)))
    assert graph.tensors[1].quantization.zero_points == (0, 0, 0)


def test_sparse_tensors_are_marked():
    levels = [DimensionMetadataT(denseSize=3)] * 4
    sparsity = SparsityParametersT(np.array([0, 1, 2, 3], np.int32), dimMetadata=levels)
    graph = read_model(one_layer(tensor__sparsity=sparsity))
    assert graph.tensors[1].sparse and graph.tensors[1].data.shape == (6,)


def test_int4_constants_are_unpacked():
    tensors = [
        tensor((1, 2), "int8", 1.0),
        tensor((3,), "int4", 1.0, 0, 0, np.array([0xF1, 0x08], np.uint8)),
        tensor((1, 2), "int8", 1.0),
    ]
    graph = read_model(build(tensors, [operator("ADD", [0, 1], [2])], [0], [2]))
    assert graph.tensors[1].data.tolist() == [1, -1, -8]


def test_large_buffers_beside_the_flatbuffer():
    weights = bytes(range(6))
    root = unpack(one_layer())
    root.buffers[1] = BufferT(offset=1 << 32, size=6)  # room for the real values
    start = -(-len(pack(root)) // 16) * 16
    root.buffers[1] = BufferT(offset=start, size=6)
    packed = pack(root)
    model = packed + bytes(start - len(packed)) + weights if len(packed) <= start else None
    assert model is not None
    assert read_model(model).tensors[1].data.tobytes() == weights
    assert gathered(model) == one_layer() and gathered(one_layer()) == one_layer()  # TFLM reads no data behind it
    with pytest.raises(ModelError, match="outside the file"):
        read_model(model[:-1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tensor__shape": np.array([3, 1, 1, 4], np.int32)}, "expected 12 bytes"),
        ({"tensor__shape": np.array([1 << 20, 1 << 20, 1, 2], np.int32)}, "at most"),
        ({"tensor__shape": np.array([3, 1, 0, 2], np.int32)}, "at least 1"),
        ({"tensor__shape": np.ones(9, np.int32)}, "dimensions"),
        ({"tensor__buffer": 99}, "buffer 99"),
        ({"tensor__type": 120}, "unknown type 120"),
        ({"input__shape": np.array([1, -4, 4, 2], np.int32)}, "at least 1"),
        ({"input__shape_signature": np.array([-1, 4], np.int32)}, "rank"),
        ({"input__shape_signature": np.array([-1, -1, 4, 2], np.int32)}, "left open"),
        ({"quantization__scale": np.array([1, 2], np.float32)}, "do not fit axis"),
        ({"quantization__scale": np.array([1, np.nan, 1], np.float32)}, "finite"),
        ({"quantization__scale": np.array([1, -1, 1], np.float32)}, "finite, positive"),
        ({"quantization__zero_point": np.array([0, 0, 200])}, "zero points from -128"),
        ({"quantization__zero_point": np.zeros(2, np.int64)}, "expected 1 or 3 zero points"),
        ({"quantization__quantized_dimension": 7}, "axis 7"),
        ({"operator__opcode_index": 4}, "operator code 4"),
        ({"operator__inputs": np.array([0, 1, 44], np.int32)}, "44"),
        ({"operator__inputs": np.array([-2, 1, 2], np.int32)}, "-2"),
        ({"operator__inputs": np.array([3, 1, 2], np.int32)}, "before they are written"),
        ({"operator__outputs": np.array([0], np.int32)}, "second time"),
        ({"operator__outputs": np.array([1], np.int32)}, "second time"),
        ({"operator__builtin_options": ("Pool2DOptions", {"stride_w": 1})}, "expected Conv2DOptions"),
        ({"operator__builtin_options": None}, "stride_w"),
        ({"options__padding": 9}, "unknown padding 9"),
        ({"options__stride_w": 0}, "stride_w from 1"),
        ({"options__stride_h": 1 << 20}, "stride_h from 1"),
        ({"graph__outputs": np.array([2, 9], np.int32)}, "outputs of the graph"),
        ({"graph__outputs": None}, "with outputs"),
        ({"graph__inputs": np.array([0, 0], np.int32)}, "distinct inputs"),
        ({"graph__operators": None}, "no operator writes"),
        ({"model__subgraphs": None}, "64 subgraphs. Received: 0"),
        ({"model__subgraphs": [SubGraphT(), SubGraphT()]}, "with outputs"),
        ({"model__operator_codes": [OperatorCodeT(32)]}, "has no name"),
        ({"model__operator_codes": [OperatorCodeT(127, builtinCode=9999)]}, "9999"),
        ({"model__metadata": [MetadataT(b"x", 77)]}, "buffer 77"),
    ],
)
def test_inconsistent_models_are_refused_by_name(changes, message):
    with pytest.raises(ModelError, match=message):
        read_model(one_layer(**changes))


def test_not_a_model():
    for data in (b"", b"TFL3", bytes(64), b"\0\0\0\0TFL3", b"PK\x03\x04" * 20):
        with pytest.raises(ModelError):
            read_model(data)
    with pytest.raises(ModelError, match="no model file"):
        read_model("no/such/file.tflite")


def test_every_truncation_is_refused(model):
    for length in range(0, len(model) - 1, 13):
        with pytest.raises(ModelError):
            read_model(model[:length])


def test_a_small_file_cannot_stand_for_a_huge_one():
    """A vector of many references to one table with a long vector: refused with little work, in little memory."""
    root = unpack(one_layer())
    root.subgraphs[0].tensors[1].shapeSignature = np.ones(100_000, np.int32)
    root.subgraphs[0].tensors = [root.subgraphs[0].tensors[1]] * 8_000
    bomb = pack(root)
    assert len(bomb) < 600_000
    tracemalloc.start()
    begun = time.thread_time()
    with pytest.raises(ModelError, match="overlap"):
        read_model(bomb)
    assert time.thread_time() - begun < 5
    assert tracemalloc.get_traced_memory()[1] < 200_000_000
    tracemalloc.stop()


def fuzz(data: bytes, count: int, seed: int) -> int:
    accepted = 0
    for changed in mutations(data, count, seed):
        begun = time.thread_time()
        try:
            graph = read_model(changed)
        except ModelError:
            continue
        finally:
            assert time.thread_time() - begun < 2
        accepted += 1
        assert all(index < len(graph.tensors) for each in graph.operators for index in (*each.inputs, *each.outputs))
        assert all(t.data is None or t.sparse or t.data.shape == t.shape or t.data.ndim == 1 for t in graph.tensors)
    return accepted


def test_mutated_files_give_a_graph_or_a_model_error(model):
    accepted = fuzz(one_layer(), 1500, 1) + fuzz(model, 1000, 2)
    assert 100 < accepted < 2400  # the mutations both spoil files and leave some readable


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_mutated_files_thousands(model, seed):
    fuzz(one_layer(), 20_000, 100 + seed)
    fuzz(model, 10_000, 200 + seed)
    fuzz(ds_cnn(np.random.default_rng(seed), width=3, blocks=1), 10_000, 300 + seed)


def test_a_bias_has_one_axis_whatever_the_file_says():
    """MobileNets of 2019 carry their layer's axis 3 in the bias."""
    tensors = [tensor((2,), "int32", [1.0, 2.0], axis=3, data=np.zeros(2, np.int32)), tensor((1, 2), "int8", 1.0)]
    model = build([*tensors, tensor((1, 2), "int8", 1.0)], [operator("RELU", [1], [2])], [1], [2])
    assert read_model(model).tensors[0].quantization.axis == 0


def test_a_constant_is_no_variable():
    root = unpack(build([tensor((1, 2), "int8", 1.0)] * 2, [operator("RELU", [0], [1])], [0], [1]))
    root.subgraphs[0].tensors.append(TensorT(np.array([1], np.int32), 9, 1, isVariable=True))
    root.buffers.append(BufferT(data=np.zeros(1, np.uint8)))
    with pytest.raises(ModelError, match="marked as a variable"):
        read_model(pack(root))
