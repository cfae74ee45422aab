"""TFMOT's weight clustering: each kernel shares a few values (Han et al. 2016, arXiv 1510.00149)."""

from __future__ import annotations

from kws_tfmot.tfmot import tfmot  # isort: skip  (Keras 2 must be chosen before TFMOT is imported)

from kws_tfmot.keras import keras
from kws_tfmot.models.copying import fresh_copy

_CLUSTERED = (keras.layers.Conv2D, keras.layers.Dense)


def is_clustered(layer: keras.layers.Layer) -> bool:
    """Whether the weights of ``layer`` share values: convolutions and fully connected layers, depthwise ones not."""
    return isinstance(layer, _CLUSTERED) and not isinstance(layer, keras.layers.DepthwiseConv2D)


def wrap_for_clustering(model: keras.Model, clusters: int, keep_zeros: bool) -> keras.Model:
    """Return a copy of ``model`` whose convolution and fully connected kernels each share ``clusters`` values.

    Depthwise kernels are left as they are.

    Args:
        model: A float model; it is left as it is.
        clusters: Number of distinct values in each kernel, at least 2.
        keep_zeros: Whether zero stays a value of its own, so that a sparse model stays sparse.
    """
    copy = fresh_copy(model)
    start = tfmot.clustering.keras.CentroidInitialization.KMEANS_PLUS_PLUS

    def wrap(layer: keras.layers.Layer) -> keras.layers.Layer:
        """The layer with TFMOT's clustering around it, if it is one of those chosen."""
        if not is_clustered(layer):
            return layer
        return tfmot.clustering.keras.cluster_weights(
            layer, number_of_clusters=clusters, cluster_centroids_init=start, preserve_sparsity=keep_zeros
        )

    return keras.models.clone_model(copy, clone_function=wrap)


def strip_clustering(model: keras.Model) -> keras.Model:
    """Remove the wrappers; the kernels keep their few values."""
    return fresh_copy(tfmot.clustering.keras.strip_clustering(model))
