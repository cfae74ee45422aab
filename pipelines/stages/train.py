"""Stage `train`: the dense float model."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from kws_tfmot.files import replacing
from kws_tfmot.recipe import Recipe
from kws_tfmot.runs import StageResult
from pipelines.stages.build import Build
from pipelines.stages.draws import Draws
from pipelines.stages.own_network import source_sha256
from pipelines.stages.start import begin_with, find_start, weights_sha256

if TYPE_CHECKING:
    from kws_tfmot.keras import keras

FLOAT_MODEL = "float.keras"


def save_model(network: keras.Model, path: Path) -> None:
    """As :func:`kws_tfmot.models.stored.save_stored`, which needs TensorFlow."""
    from kws_tfmot.models.stored import save_stored

    save_stored(network, path)


def dense_settings(recipe: Recipe) -> list[object]:
    """Everything in the recipe that the dense model depends on."""
    model = recipe.model.model_dump(mode="json")
    own = {key: model.pop(key) for key in ("builder", "file")}
    begins = [{"begins with": weights_sha256(recipe)}] if model.pop("weights") else []
    streams = [recipe.streams.model_dump(mode="json"), recipe.detection.smoothing_ms] if recipe.streams else []
    before = [group.model_dump(mode="json") for group in (recipe.data, recipe.frontend, recipe.augment)]
    after = recipe.train.model_dump(mode="json")
    network = [own, source_sha256(recipe.model)] if any(own.values()) else []
    return [recipe.seed, *before, model, after, *streams, *network, *begins]


def dense_inputs(build: Build) -> list[object]:
    """Everything that the dense model depends on."""
    return [build.data_sha256, *dense_settings(build.recipe)]


def initial_network(build: Build, other_front: bool = False) -> keras.Model:
    """The recipe's model before training, and every later stage checked to take it.

    Args:
        build: What is built.
        other_front: With the other value of ``model.local``. Of a recipe that tries both, weights that the training
            begins with say which: the build that made them may have kept either.

    Raises:
        RecipeError: If the sparse training or low_bit names a layer that is not there, nothing would be pruned, or
            its target is out of reach.
        ModelError: If a layer cannot be trained for int8.
    """
    from kws_tfmot.keras import seed_everything
    from kws_tfmot.models import build_model
    from kws_tfmot.models.streaming_cnn import has_local_front

    recipe = build.recipe
    seed_everything(recipe.seed)
    if recipe.streams and recipe.streams.either_front and recipe.model.weights:
        other_front = has_local_front(find_start(recipe.model.weights).weights) != recipe.model.local
    settings = recipe.model.model_copy(update={"local": not recipe.model.local}) if other_front else recipe.model
    network = build_model(settings, recipe.frontend.feature_shape, len(build.index.labels))
    begin_with(network, recipe, build.reporter)
    _check_later_stages(build, network)
    return network


def _check_later_stages(build: Build, network: keras.Model) -> None:
    """Refuse now what pruning or quantisation would refuse only after the dense training.

    Raises:
        RecipeError: If the sparse training or low_bit names a layer that is not there, nothing would be pruned, or
            its target is out of reach.
        ModelError: If a layer cannot be trained for int8.
    """
    from kws_tfmot.quantization.low_bit_layers import low_bit_layers
    from kws_tfmot.quantization.tfmot_qat import check_quantizable
    from kws_tfmot.sparsity.target import check_reachable

    if build.recipe.sparsity:
        check_reachable(network, build.recipe.sparsity)
    if build.recipe.quantization.low_bit:
        low_bit_layers(network, build.recipe.quantization.low_bit)
    elif build.recipe.quantization.mode == "qat":
        check_quantizable(network)


def train_dense(build: Build) -> bool:
    """Train the recipe's model and write ``float.keras``; return whether anything was done."""

    def work(key: str) -> StageResult:
        """The stage: the dense float model, trained on clips or on composed streams."""
        from kws_tfmot.models.counting import count_layers
        from kws_tfmot.training.loop import Plugins
        from pipelines.stages.fitting import fit, training_figures

        network = initial_network(build)
        if build.recipe.streams:
            from pipelines.stages.train_streams import CALIBRATION, train_streams

            other = functools.partial(initial_network, build, other_front=True)
            network, figures = train_streams(build, network, build.recipe.streams, key, other)
            files: tuple[str, ...] = (FLOAT_MODEL, CALIBRATION)
        else:
            result = fit(build, network, build.recipe.train, "train", key, Plugins(), Draws.DENSE)
            figures, files = training_figures(result), (FLOAT_MODEL,)
        with replacing(build.run.path(FLOAT_MODEL)) as temporary:
            save_model(network, temporary)
        for name in ("streams_state", "streams_other", "streams_teachers"):  # what an interrupted training needs
            shutil.rmtree(build.run.path(name), ignore_errors=True)
        counts = count_layers(network)
        figures |= {
            "parameters": sum(count.parameters for count in counts),
            "macs": sum(count.macs for count in counts),
        }
        return StageResult(files, figures)

    return build.run.stage("train", dense_inputs(build), work, trains=True)
