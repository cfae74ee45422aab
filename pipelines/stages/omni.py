"""Omni-sparsity: train a supernet, take sub-networks out of it, and carry each through a build's own stages."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kws_tfmot.data.prefetch import feature_batches
from kws_tfmot.errors import ModelError, RecipeError
from kws_tfmot.files import replacing, sha256_file
from kws_tfmot.recipe import Recipe
from kws_tfmot.runs import Run, StageResult
from kws_tfmot.search.omni.omni_settings import OmniSettings
from kws_tfmot.search.omni.subnet_space import Levels, Space
from pipelines.stages.build import Build, FeatureSource
from pipelines.stages.convert import INT8_MODEL, convert_model
from pipelines.stages.draws import Draws
from pipelines.stages.prepare import prepare_data
from pipelines.stages.start import begin_with
from pipelines.stages.train import FLOAT_MODEL, dense_inputs, save_model

if TYPE_CHECKING:
    from kws_tfmot.search.omni.subnetwork import Subnetworks

SUPERNET = "supernet.keras"
SUBNETS = "subnets"


def omni_settings(build: Build) -> OmniSettings:
    """The recipe's settings of the supernet; the defaults where it has none."""
    return build.recipe.omni or OmniSettings()


def supernet_inputs(build: Build) -> list[object]:
    """Everything that the supernet depends on."""
    settings = omni_settings(build).model_dump(mode="json", exclude={"recalibration_clips"})
    return [*dense_inputs(build), settings]


def train_supernet(build: Build) -> bool:
    """Train the recipe's model as a supernet with the epochs of its dense training; write ``supernet.keras``.

    The draws of augmented clips are those of the dense training, and its cost is the same in the regime ``one_pass``.
    The last weights are kept: no epoch's validation accuracy speaks for all sub-networks.

    Raises:
        RecipeError: As :func:`kws_tfmot.search.omni.masked_kernels.space_of`.
    """

    def work(key: str) -> StageResult:
        """The stage: one training for every sparsity."""
        from kws_tfmot.keras import seed_everything
        from kws_tfmot.models import build_model
        from kws_tfmot.search.omni.masked_kernels import space_of
        from kws_tfmot.search.omni.supernet import Supernet
        from kws_tfmot.training.loop import Plugins
        from pipelines.stages.epochs import steps_per_epoch
        from pipelines.stages.fitting import fit, training_figures

        recipe, settings = build.recipe, omni_settings(build)
        seed_everything(recipe.seed)
        network = build_model(recipe.model, recipe.frontend.feature_shape, len(build.index.labels))
        begin_with(network, recipe, build.reporter)
        space = space_of(network, settings)
        steps = steps_per_epoch(build)
        rate = settings.learning_rate or recipe.train.learning_rate
        train = recipe.train.model_copy(update={"select": "last", "learning_rate": rate})
        plugins = Plugins(
            shell=lambda net, losses, hooks: Supernet(
                net, settings, recipe.seed, train.epochs * steps, steps, losses, hooks
            )
        )
        result = fit(build, network, train, "supernet", key, plugins, Draws.DENSE)
        with replacing(build.run.path(SUPERNET)) as temporary:
            save_model(network, temporary)
        figures = training_figures(result) | {"regime": settings.regime, "space": dataclasses.asdict(space)}
        return StageResult((SUPERNET,), figures)

    return build.run.stage("supernet", supernet_inputs(build), work, trains=True)


def open_subnetworks(build: Build) -> Subnetworks:
    """The sub-networks of the trained supernet, ready to be judged and taken out.

    Raises:
        ModelError: If there is no supernet in the run.
    """
    from kws_tfmot.models.stored import load_stored
    from kws_tfmot.search.omni.subnetwork import Subnetworks
    from kws_tfmot.sparsity.patterns import Pattern

    path = build.run.path(SUPERNET)
    if not path.is_file():
        raise ModelError(f"{path} is missing.", "Train it: kws omni train RECIPE --out DIR.")
    network = load_stored(path)
    settings = omni_settings(build)
    pattern = Pattern.parse(settings.pattern)
    return Subnetworks(network, space_in(build), pattern, recalibration_features(build), build.validation())


def space_in(build: Build) -> Space:
    """The search space that the supernet of the run was trained for."""
    stored = build.run.figures("supernet").get("space")
    if not stored:
        raise ModelError(
            f"{build.run.directory} holds no trained supernet.", "Train it: kws omni train RECIPE --out DIR."
        )
    return Space(**{name: tuple(values) for name, values in stored.items()})


def recalibration_features(build: Build) -> Any:
    """Model input of augmented training clips, as batch norm saw them in training: the first of epoch 0."""
    from pipelines.stages.epochs import training_batches

    with feature_batches(training_batches(build), build.frontend, 1, prefetch=False) as epochs:
        features, _ = FeatureSource(build, epochs).epoch_features(0)
    return features[: omni_settings(build).recalibration_clips]


def evaluations_identity(build: Build) -> str:
    """Changes with whatever the score of a sub-network depends on."""
    parts = [
        sha256_file(build.run.path(SUPERNET)),
        build.index.split_sha256("validation"),
        str(omni_settings(build).recalibration_clips),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def subnetwork_recipe(recipe: Recipe) -> Recipe:
    """The recipe that a sub-network is carried on with: quantised by calibration, nothing trained.

    Raises:
        RecipeError: If the recipe asks for no quantisation at all.
    """
    if recipe.quantization.mode == "none":
        raise RecipeError(
            "sub-networks end as int8 files. Received: quantization.mode=none", "Use quantization.mode=ptq."
        )
    quantization = recipe.quantization.model_copy(update={"mode": "ptq", "clusters": 0, "preserve": "auto"})
    convert = recipe.convert.model_copy(update={"also": ()})
    return recipe.model_copy(update={"sparsity": None, "omni": None, "quantization": quantization, "convert": convert})


def subnetwork_build(build: Build, subnets: Subnetworks, levels: Levels, *, shrink: bool) -> Build:
    """Take out one sub-network and convert it: a run of its own below ``subnets``, named by its zeros and its levels.

    The sub-network is where a dense training would have left its model, so that every later stage is the same as
    for any other build: ``convert`` counts its zeros in the int8 file, ``evaluate`` compares the interpreters.
    ``shrink`` removes the units that died, which changes no output.
    """
    space = subnets.space
    inputs = [evaluations_identity(build), list(levels), shrink]
    digest = hashlib.sha256(json.dumps([inputs, supernet_inputs(build)], sort_keys=True).encode()).hexdigest()
    name = f"{100 * space.sparsity(levels):04.1f}-{digest[:10]}"
    run = Run(build.run.path(f"{SUBNETS}/{name}"))
    own = dataclasses.replace(build, recipe=subnetwork_recipe(build.recipe), run=run)
    own.__dict__["index"] = build.index  # the same clips, not to be read again

    def work(_: str) -> StageResult:
        """The stage: a sub-network taken out as a model of its own, and shrunk if asked for."""
        model = subnets.extract(levels)
        figures = {"levels": list(levels), "sparsities": space.sparsities(levels)}
        if shrink:
            from kws_tfmot.sparsity.shrink.shrink import shrink as without_dead_units
            from kws_tfmot.sparsity.shrink.shrink_report import size_table

            model, sizes = without_dead_units(model)
            figures["shrunk"] = size_table(sizes)
        with replacing(run.path(FLOAT_MODEL)) as temporary:
            save_model(model, temporary)
        return StageResult((FLOAT_MODEL,), figures)

    prepare_data(own)
    run.stage("subnetwork", inputs, work)
    convert_model(own)
    return own


def uniform_files(build: Build, subnets: Subnetworks) -> tuple[list[bytes], dict[int, int]]:
    """The int8 files of the uniform sub-networks, and which operator each layer of the space became."""
    space = subnets.space
    files: list[bytes] = []
    with build.reporter.task("uniform int8", len(space.grid)) as task:
        for level in range(len(space.grid)):
            own = subnetwork_build(build, subnets, space.uniform(level), shrink=False)
            files.append(own.run.path(INT8_MODEL).read_bytes())
            task.advance(1, f"{100 * space.grid[level]:g} %")
    zeros = own.run.figures("convert")["files"][INT8_MODEL]["zeros"]
    return files, {row["operator"]: space.layers.index(row["layer"]) for row in zeros if row["layer"] in space.layers}


def search_log_path(build: Build) -> Path:
    """Where evaluations are kept."""
    return build.run.path("search/evaluations.json")
