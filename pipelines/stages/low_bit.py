"""Stage `quantize` for weights of few bits: trained or rounded, and what the int8 file must hold of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kws_tfmot.files import replacing
from kws_tfmot.runs import StageResult
from pipelines.stages.build import Build
from pipelines.stages.draws import Draws
from pipelines.stages.sparsify import PRUNED_MODEL, load_float, sparse_inputs, stage_settings
from pipelines.stages.train import FLOAT_MODEL, save_model

if TYPE_CHECKING:
    from kws_tfmot.keras import keras
    from kws_tfmot.quantization.integer_kernels import GridKernel, IntegerKernel
    from kws_tfmot.quantization.low_bit_settings import LowBitSettings

LOW_BIT_MODEL = "low_bit.keras"
LOW_BIT_KERNELS = "low_bit.npz"
_STATISTICS_CLIPS = 1000


def quantize_low_bit(build: Build, settings: LowBitSettings) -> bool:
    """Bring every kernel onto its grid and write ``low_bit.keras`` and ``low_bit.npz``.

    With ``quantization.mode: qat`` by training from the float model on, with ``ptq`` by rounding it.

    Raises:
        RecipeError: If the settings name a layer that is not there.
    """

    def work(key: str) -> StageResult:
        """The stage: kernels on their grids of few bits, trained or rounded, saved."""
        from kws_tfmot.keras import seed_everything
        from kws_tfmot.quantization.integer_kernels import save_kernels, write_into

        seed_everything(build.recipe.seed)
        network = load_float(build, _parent(build))
        trained = build.recipe.quantization.mode == "qat"
        kernels, figures = _train(build, network, settings, key) if trained else (rounded(network, settings), {})
        write_into(network, kernels)
        save_kernels(kernels, build.run.path(LOW_BIT_KERNELS))
        with replacing(build.run.path(LOW_BIT_MODEL)) as temporary:
            save_model(network, temporary)
        figures |= {"mode": build.recipe.quantization.mode, "layers": _layer_figures(kernels)}
        return StageResult((LOW_BIT_MODEL, LOW_BIT_KERNELS), figures)

    inputs = [*sparse_inputs(build), build.recipe.quantization.model_dump(mode="json")]
    return build.run.stage("quantize", inputs, work, trains=build.recipe.quantization.mode == "qat")


def load_low_bit(build: Build) -> tuple[keras.Model, list[IntegerKernel]]:
    """The model on its grids, and the integers that its int8 file shall hold."""
    from kws_tfmot.quantization.integer_kernels import integer_kernels, load_kernels

    model = load_float(build, LOW_BIT_MODEL)
    return model, integer_kernels(model, load_kernels(build.run.path(LOW_BIT_KERNELS)))


def _parent(build: Build) -> str:
    return PRUNED_MODEL if build.recipe.sparsity else FLOAT_MODEL


def rounded(network: keras.Model, settings: LowBitSettings) -> dict[str, GridKernel]:
    """Every kernel rounded to its grid, without training; ``network`` is left as it is."""
    from kws_tfmot.quantization.integer_kernels import grid_kernels
    from kws_tfmot.quantization.low_bit_layers import kernels_of, low_bit_layers

    layers = low_bit_layers(network, settings)
    values = {name: kernel.numpy() for name, kernel in kernels_of(network).items()}
    return grid_kernels(layers, values, "range" if settings.fit == "auto" else settings.fit)


def _train(
    build: Build, network: keras.Model, settings: LowBitSettings, key: str
) -> tuple[dict[str, GridKernel], dict[str, Any]]:
    from kws_tfmot.quantization.low_bit_layers import low_bit_layers
    from kws_tfmot.quantization.low_bit_training import LowBitTraining
    from kws_tfmot.training.distillation import distillation_loss
    from kws_tfmot.training.loop import Plugins
    from pipelines.stages.epochs import drawn_features
    from pipelines.stages.fitting import fit, training_figures

    layers = low_bit_layers(network, settings)
    fit_by = "least_squares" if settings.fit == "auto" else settings.fit
    training = LowBitTraining(network, layers, fit_by, drawn_features(build, Draws.QUANTIZE, _STATISTICS_CLIPS))
    teacher = settings.distillation and distillation_loss(load_float(build, _parent(build)), settings.distillation)
    plugins = Plugins([training], [teacher] if teacher else [], [training.after_step])
    quantization = build.recipe.quantization
    train = stage_settings(build, quantization.epochs, quantization.learning_rate)
    result = fit(build, network, train, "quantize", key, plugins, Draws.QUANTIZE)
    return training.kernels(result.selected_epoch), training_figures(result)


def _layer_figures(kernels: dict[str, GridKernel]) -> dict[str, dict[str, float]]:
    """Of each layer the bits of its grid, the levels that occur, and zeros."""
    return {
        name: {
            "bits": kernel.bits,
            "levels": len(np.unique(kernel.levels)),
            "weights": int(kernel.levels.size),
            "zeros": int(np.count_nonzero(kernel.levels == 0)),
        }
        for name, kernel in kernels.items()
    }
