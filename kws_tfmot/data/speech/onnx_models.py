"""ONNX models of speech on one thread, with every random number handed in from outside."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from typing import Any

from kws_tfmot.errors import OUR_FAULT, ToolchainError, install_extra

INSTALL = install_extra("tts")


def open_session(model: bytes) -> Any:
    """An ``onnxruntime.InferenceSession`` of one thread: processes are what runs beside each other."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def versions_of(engine: str, packages: tuple[str, ...]) -> str:
    """The installed versions of ``packages``, which ``engine`` needs.

    Raises:
        ToolchainError: Some are missing; they are named.
    """
    found, missing = [], []
    for package in packages:
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(package)
    if missing:
        raise ToolchainError(f"the engine {engine} needs packages that are not installed: {', '.join(missing)}.",
                             INSTALL)  # fmt: skip
    return ", ".join(found)


def with_noise_as_input(model: bytes) -> tuple[bytes, list[str]]:
    """``model`` with every ``RandomNormalLike`` read from a new input instead, and the names of these inputs.

    The operator draws from a state of the session, so that an utterance would depend on those before it. In its place
    are ``Shape`` of what it copied the shape of and ``Slice`` of the input from 0 to that shape; so an input has as
    many dimensions as the tensor, none of them smaller. Its scale and mean are expected to be 1 and 0.
    """
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    loaded = onnx.load_from_string(model)
    graph = loaded.graph
    nodes: list[Any] = []
    inputs: list[str] = []
    for node in graph.node:
        if node.op_type != "RandomNormalLike":
            nodes.append(node)
            continue
        scale = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        if scale.get("scale", 1.0) != 1.0 or scale.get("mean", 0.0) != 0.0:
            raise ToolchainError(
                f"the model draws normal numbers of scale {scale}; only 1 and 0 are known here.", OUR_FAULT
            )
        name = f"noise_{len(inputs)}"
        inputs.append(name)
        nodes.append(helper.make_node("Shape", [node.input[0]], [f"{name}_shape"]))
        nodes.append(helper.make_node("Slice", [name, f"{name}_starts", f"{name}_shape"], [node.output[0]]))
        graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 3))
        graph.initializer.append(numpy_helper.from_array(np.zeros(3, np.int64), f"{name}_starts"))
    del graph.node[:]
    graph.node.extend(nodes)
    return loaded.SerializeToString(), inputs
