"""The over-parameterised network: cells that hold all operations of the space and run one of them.

Only the chosen path runs: its kernels are cut out of the cell's variables by tensors, so that nothing is traced again
and no other path takes memory. The binary gates of ProxylessNAS (Cai, Zhu and Han 2019, arXiv 1812.00332) represent
``y = sum_j g_j o_j(x)`` with g the one-hot choice; their gradient needs no gradient through the other paths,

    dL/dg_j = <dL/dy, o_j(x)>,   0 where o_j leaves the cell out,

so one pass back and forth through the chosen paths and one forth through each other one, in turn, give them all.

Batch norm uses each batch's own statistics throughout: a running mean over paths that alternate is that of none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kws_tfmot.keras import keras, tf
from kws_tfmot.models.mbconv import CELL_STRIDES, LIMIT, assemble
from kws_tfmot.models.mbconv_cells import Cell, cells_text, parse_cell
from kws_tfmot.models.model_settings import ModelSettings
from kws_tfmot.search.cells.cell_space import CellSpace

_EPSILON = 1e-3


class BatchStatistics(keras.layers.BatchNormalization):
    """Batch norm that always uses the statistics of the batch it is given."""

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask: object = None) -> tf.Tensor:
        """Normalise as in training, whatever ``training`` says."""
        return super().call(inputs, training=True)


class MixedCell(keras.layers.Layer):
    """All operations of one cell; variables ``alpha`` [operations] and ``chosen``, the operation that runs.

    Args:
        operations: Texts of the operations (:mod:`kws_tfmot.models.mbconv_cells`), ``zero`` last or absent.
        first: The first cell halves the map and has no skip.
        shared: One kernel for all operations, each using its first channels and the centre of its window; else
            every operation has kernels of its own. The last batch norm is always each operation's own.
    """

    def __init__(self, operations: Sequence[str], first: bool, shared: bool, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.operations = tuple(operations)
        self.first = first
        self.shared = shared
        self.paths: list[Cell] = [cell for text in operations if (cell := parse_cell(text)) is not None]

    def get_config(self) -> dict[str, Any]:
        """What the layer was made with."""
        own = {"operations": self.operations, "first": self.first, "shared": self.shared}
        return super().get_config() | own

    def build(self, input_shape: tf.TensorShape) -> None:
        """Make the kernels, the choice's logits and the place of the choice."""
        width = input_shape[-1]
        self.width = width
        self.window = max(cell.kernel for cell in self.paths)
        inner = width * max(cell.expansion for cell in self.paths)
        rows = 1 if self.shared else len(self.paths)

        def kernel(name: str, shape: tuple[int, ...], fan_in: int) -> tf.Variable:
            """A kernel ``[rows, *shape]`` of He's normal start; a row is one operation's, or shared by all."""
            start = keras.initializers.RandomNormal(stddev=(2.0 / fan_in) ** 0.5)
            return self.add_weight(name=name, shape=(rows, *shape), initializer=start)

        def affine(name: str, count: int, channels: int) -> tuple[tf.Variable, tf.Variable]:
            """Gamma (ones) and beta (zeros), ``[count, channels]``."""
            gamma = self.add_weight(name=f"{name}_gamma", shape=(count, channels), initializer="ones")
            return gamma, self.add_weight(name=f"{name}_beta", shape=(count, channels), initializer="zeros")

        self.expand = kernel("expand", (width, inner), width)
        self.depthwise = kernel("depthwise", (self.window, self.window, inner), self.window**2)
        self.project = kernel("project", (inner, width), inner)
        self.expand_norm, self.depthwise_norm = affine("expand", rows, inner), affine("depthwise", rows, inner)
        self.project_norm = affine("project", len(self.paths), width)
        start = keras.initializers.RandomNormal(stddev=1e-3)
        self.alpha = self.add_weight(name="alpha", shape=(len(self.operations),), initializer=start, trainable=False)
        self.chosen = self.add_weight(
            name="chosen", shape=(), dtype=tf.int32, initializer="zeros", trainable=False
        )  # fmt: skip
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """The chosen operation's output, and the input added to it where there is a skip."""
        outputs = self._run_chosen(inputs)
        return outputs if self.first else inputs + outputs

    def gate_gradients(self, inputs: tf.Tensor, output_gradient: tf.Tensor) -> tf.Tensor:
        """dL/dg [operations] of the gates, given the cell's input and dL/dy; the paths are run one after the other."""
        found = tf.map_fn(
            lambda index: tf.reduce_sum(self.run_path(inputs, index) * output_gradient),
            tf.range(len(self.paths)),
            fn_output_signature=tf.float32,
            parallel_iterations=1,
        )
        return tf.pad(found, [[0, len(self.operations) - len(self.paths)]])

    def _run_chosen(self, inputs: tf.Tensor) -> tf.Tensor:
        if len(self.paths) == len(self.operations):
            return self.run_path(inputs, self.chosen)
        return tf.cond(
            self.chosen < len(self.paths),
            lambda: self.run_path(inputs, self.chosen),
            lambda: tf.zeros_like(inputs),
        )

    def run_path(self, inputs: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
        """Operation ``index`` (int32, not ``zero``) without the skip."""
        kernel = tf.gather(tf.constant([cell.kernel for cell in self.paths]), index)
        expansion = tf.gather(tf.constant([cell.expansion for cell in self.paths]), index)
        row = tf.zeros_like(index) if self.shared else index
        inner, margin = expansion * self.width, (self.window - kernel) // 2

        def expanded() -> tf.Tensor:
            """The input after the drawn operation's 1x1 expansion, batch norm and ReLU."""
            weights = tf.gather(self.expand, row)[None, None, :, :inner]
            return self._normalised(tf.nn.conv2d(inputs, weights, 1, "SAME"), self.expand_norm, row, inner, True)

        hidden = tf.cond(expansion > 1, expanded, lambda: tf.identity(inputs))
        middle = slice(margin, margin + kernel)
        weights = tf.gather(self.depthwise, row)[middle, middle, :inner, None]
        strides = (1, *(CELL_STRIDES if self.first else (1, 1)), 1)
        hidden = tf.nn.depthwise_conv2d(hidden, weights, strides, "SAME")
        hidden = self._normalised(hidden, self.depthwise_norm, row, inner, True)
        outputs = tf.nn.conv2d(hidden, tf.gather(self.project, row)[None, None, :inner], 1, "SAME")
        outputs = self._normalised(outputs, self.project_norm, index, self.width, False)
        height, width = inputs.shape[1:3]
        if self.first:
            height, width = (-(-size // stride) for size, stride in zip((height, width), CELL_STRIDES, strict=True))
        return tf.ensure_shape(outputs, (None, height, width, self.width))

    def _normalised(
        self, x: tf.Tensor, norm: tuple[tf.Variable, tf.Variable], row: tf.Tensor, channels: tf.Tensor, relu: bool
    ) -> tf.Tensor:
        gamma, beta = (tf.gather(variable, row)[:channels] for variable in norm)
        outputs, *_ = tf.compat.v1.nn.fused_batch_norm(x, gamma, beta, epsilon=_EPSILON, is_training=True)
        return tf.clip_by_value(outputs, 0.0, LIMIT) if relu else outputs


def build_mixed(settings: ModelSettings, space: CellSpace, shared: bool) -> keras.Model:
    """The network of ``settings`` with undecided cells ``cell1``, ``cell2``, ..., as :class:`MixedCell`.

    Args:
        settings: Width, mix and dropout; its own cells are not used.
        space: The operations.
        shared: As in :class:`MixedCell`.
    """

    def cells(x: keras.KerasTensor) -> keras.KerasTensor:
        """The chain of mixed cells between the network's ends."""
        for i in range(space.cells):
            x = MixedCell(cells_text(space.operations(i)), i == 0, shared, name=f"cell{i + 1}")(x)
        return x

    def with_batch_statistics(layer: keras.layers.Layer) -> keras.layers.Layer:
        """The layer again; batch norm as one that always uses the batch's own statistics."""
        kind = BatchStatistics if isinstance(layer, keras.layers.BatchNormalization) else type(layer)
        return kind.from_config(layer.get_config())

    network = assemble(settings, space.input_shape, space.classes, cells)
    return keras.models.clone_model(network, clone_function=with_batch_statistics)


def mixed_cells(network: keras.Model) -> list[MixedCell]:
    """The undecided cells of ``network``, in order."""
    return [layer for layer in network.layers if isinstance(layer, MixedCell)]
