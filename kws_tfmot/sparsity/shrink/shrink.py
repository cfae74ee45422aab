"""Automatic model size: the smaller network that a sparse one really is (Xue et al. 2018, arXiv 1807.00560).

Prune an oversized network with one threshold for all layers, and whole units lose every input or every output weight.
:func:`shrink` removes them and rebuilds a network of the same layers with fewer units, equal in output to float
rounding. That the layers' sizes are found by training is the paper's; how units are removed is our own construction.

A unit (of a fully connected layer, a channel of a convolution with all that follow it through depthwise convolutions,
batch norm, ReLU, pooling, dropout, flattening and additions) is removed

- if no layer reads it: every weight to a unit that stays is zero. Exact without further ado.
- if it reads nothing, so that its output is a constant ``c = relu(BN(bias))``, and every reader can take ``c`` into its
  bias: ``b_k += c * sum over taps of W[tap, j, k]``. A layer without bias whose one follower is a batch norm gives it
  to that, ``mean_k -= c * sum W``; any other gets a bias. Constants pass average, global and maximum pooling unchanged,
  as none of them counts the padding.

  ==========================================  ==============================================================
  reader                                      folding c is exact
  ==========================================  ==============================================================
  fully connected, 1x1, VALID convolution     always: every position sees c under every tap
  SAME convolution whose padding is empty     always
  SAME convolution or depthwise convolution   only for c = 0: a window over the border sees zeros in the
  larger than 1x1, zero padding layer         place of c, so the output differs there
  ==========================================  ==============================================================

  With ReLU behind its batch norm a unit has c = 0 wherever ``BN(0) <= 0``. The others stay and are reported, unless
  :func:`kws_tfmot.sparsity.shrink.zeroing.zero_dead` made them zero, which changes the network and therefore belongs
  into the fine-tuning.

Removing a unit takes its weights to and from others, so more may die; the fixed point is found by
:func:`kws_tfmot.sparsity.shrink.units.dead_units`. In a residual network the units joined by an addition live and die
together. A layer whose units are all dead keeps its first one, with zero weights. The network's inputs and outputs, and
units next to layers of which nothing is known, stay. Kernels keep the zeros they have among the units that stay.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kws_tfmot.keras import keras
from kws_tfmot.models.copying import fresh_copy
from kws_tfmot.sparsity.shrink.channel_graph import Array, Mask, Node
from kws_tfmot.sparsity.shrink.constants import contribution, foldable
from kws_tfmot.sparsity.shrink.reading import read_graph, weights_by_name
from kws_tfmot.sparsity.shrink.shrink_report import LayerSize, layer_sizes
from kws_tfmot.sparsity.shrink.units import Units, dead_units

Weights = dict[str, npt.NDArray[np.float32]]


def shrink(model: keras.Model) -> tuple[keras.Model, list[LayerSize]]:
    """Remove the units that nothing would miss.

    Args:
        model: A functional float model without wrappers, with one input and one output; it is left as it is.

    Returns:
        A model equal in output, with the same layer names, and for each layer with a kernel its size before and after.

    Raises:
        ModelError: If the model has several inputs or outputs, or a layer is used twice.
    """
    model = fresh_copy(model)
    nodes = read_graph(model)
    units = dead_units(nodes)
    smaller = _Rebuilding(model, nodes, units).rebuild()
    return smaller, layer_sizes(nodes, units)


class _Rebuilding:
    """Builds the smaller model: layers from their configurations, weights cut and constants folded."""

    def __init__(self, model: keras.Model, nodes: list[Node], units: Units) -> None:
        self._model, self._nodes, self._units = model, nodes, units
        self._place = {node.name: index for index, node in enumerate(nodes)}
        self._weights: dict[str, Weights] = {}

    def rebuild(self) -> keras.Model:
        """The smaller model: channels cut, their constants folded into what follows, weights copied."""
        for index, node in enumerate(self._nodes):
            self._cut(index, node)
        for index, node in enumerate(self._nodes):
            if node.kind == "linear":
                self._fold(index, node)
        result = self._connect()
        for layer in result.layers:
            if layer.weights:
                values = self._weights[layer.name]
                original = self._model.get_layer(layer.name).get_weights()
                layer.set_weights([values[name] for name in weights_by_name(layer)] if values else original)
        return result

    def _cut(self, index: int, node: Node) -> None:
        """The weights of a layer without those of removed units, and with zeros for a unit that only fills a place."""
        layer, kept = self._model.get_layer(node.name), self._units.kept(index)
        self._weights[node.name] = values = {}
        if node.kind == "opaque":
            return  # its weights may have any names
        for name, value in weights_by_name(layer).items():
            shape = value.shape
            if name == "kernel":
                value = value.copy().reshape(node.kernel.shape)
                value[:, self._gone_inputs(node)] = 0
                value[:, :, ~self._units.needed[self._units.spaces[index]]] = 0
                value = value[:, self._kept_inputs(node)][:, :, kept]
                value = value.reshape(*shape[:-2], -1, value.shape[-1])
            elif name == "depthwise_kernel":
                value = value[:, :, kept]
            else:
                value = value[np.tile(kept, node.repeats)]
            values[name] = value

    def _kept_inputs(self, node: Node) -> Mask:
        source = node.inputs[0]
        return np.tile(self._units.kept(source), self._nodes[source].repeats)

    def _gone_inputs(self, node: Node) -> Mask:
        """Input features that are not needed, and therefore folded as far as they are constants."""
        source = node.inputs[0]
        return ~np.tile(self._units.needed[self._units.spaces[source]], self._nodes[source].repeats)

    def _fold(self, index: int, node: Node) -> None:
        fixed = foldable(self._units.constants[node.inputs[0]], node.pads)
        gone = np.where(self._gone_inputs(node), fixed, np.nan)
        added = contribution(node.kernel, gone)[self._units.kept(index)]
        if not added.any():
            return
        values, norm = self._weights[node.name], self._norm_after(index)
        if node.bias is None and norm is not None:
            _add(self._weights[norm.name], "moving_mean", -added)
        else:
            values.setdefault("bias", np.zeros(added.shape, np.float32))
            _add(values, "bias", added)

    def _norm_after(self, index: int) -> Node | None:
        """The batch norm that is the only reader of a layer, with nothing between them."""
        readers = [node for node in self._nodes if index in node.inputs]
        linear = self._model.get_layer(self._nodes[index].name).activation is keras.activations.linear
        return readers[0] if linear and len(readers) == 1 and readers[0].kind == "norm" else None

    def _connect(self) -> keras.Model:
        entry = self._model.inputs[0]
        tensors: list[object] = []
        for index, node in enumerate(self._nodes):
            if node.kind == "input":
                tensors.append(keras.Input(entry.shape[1:], dtype=entry.dtype, name=node.name))
                continue
            layer = self._model.get_layer(node.name)
            config = layer.get_config()
            if node.kind == "linear":
                config["units" if "units" in config else "filters"] = int(self._units.kept(index).sum())
                config["use_bias"] = "bias" in self._weights[node.name]
            arguments = [tensors[i] for i in node.inputs]
            tensors.append(type(layer).from_config(config)(arguments if len(arguments) > 1 else arguments[0]))
        entries = [tensors[i] for i, node in enumerate(self._nodes) if node.kind == "input"]
        return keras.Model(entries[0], tensors[-1], name=self._model.name)


def _add(values: Weights, name: str, added: Array) -> None:
    values[name] = (values[name].astype(np.float64) + added).astype(np.float32)
