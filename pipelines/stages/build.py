"""What every stage of a build shares: the recipe, the data and the run's directory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from kws_tfmot.array_files import open_arrays
from kws_tfmot.damage import ANEW, reading
from kws_tfmot.data import ClipIndex, prepare
from kws_tfmot.data.feature_augment import mixup_draws
from kws_tfmot.data.large_arrays import ModelInput, Rows, Targets, features_of, fits
from kws_tfmot.data.prefetch import FeatureEpochs
from kws_tfmot.files import cache_root
from kws_tfmot.frontend import Frontend
from kws_tfmot.progress import SILENT, Reporter
from kws_tfmot.recipe import Recipe
from kws_tfmot.runs import Run

# a training stage, its epoch from 0, and the epoch's figures
OnStageEpoch = Callable[[str, int, dict[str, float]], None]


@dataclass(frozen=True)
class Build:
    """One recipe applied to one source of clips in one directory.

    Attributes:
        recipe: The resolved recipe.
        source: ``folder:PATH``, ``tfds:NAME`` or ``synthetic``.
        run: Where the artefacts go.
        reporter: Where progress goes.
        cache: Where decoded audio is kept between builds.
        epochs: Where the features of augmented epochs are kept, for builds that draw the same; ``None`` keeps none.
        on_epoch: Is informed of every epoch that a training stage ends.
        every_file: Look at every file of a large data set rather than at its folders and some of them.
    """

    recipe: Recipe
    source: str
    run: Run
    reporter: Reporter = SILENT
    cache: Path = field(default_factory=cache_root)
    epochs: Path | None = None
    on_epoch: OnStageEpoch | None = None
    every_file: bool = False

    @cached_property
    def index(self) -> ClipIndex:
        """The clips, read and checked once."""
        with self.reporter.task("reading clips", None) as task:
            return prepare(self.source, self.recipe.clips, self.cache / "audio", task.reach, self.every_file)

    @cached_property
    def frontend(self) -> Frontend:
        """The audio front end of the recipe."""
        return Frontend(self.recipe.frontend)

    @cached_property
    def data_sha256(self) -> str:
        """Changes when any clip, its split or its class changes."""
        return self.index.sha256()

    def features(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Features int8 [N, frames, coefficients] and classes int32 [N] of a split, without augmentation."""
        audio = self.index.audio(split)
        return features_of(audio, self.frontend), audio.labels

    def model_input(self, features: np.ndarray) -> np.ndarray:
        """What the float model is fed: ``int8 * scale``, float32 [N, frames, coefficients, 1]."""
        return features.astype(np.float32)[..., None] * np.float32(self.recipe.frontend.scale)

    def validation(self) -> tuple[Rows, Rows]:
        """Model input and one-hot classes of the validation split."""
        features, labels = self.features("validation")
        if not fits(features.shape, np.dtype(np.float32).itemsize):
            return ModelInput(features, self.recipe.frontend.scale), Targets(labels, len(self.index.labels))
        return self.model_input(features), np.eye(len(self.index.labels), dtype=np.float32)[labels]

    def calibration(self) -> np.ndarray:
        """Model input of some training clips, chosen by the recipe's seed, to set activation ranges with."""
        if self.recipe.streams:
            path = self.run.path("calibration.npz")
            with reading(path, "a file of the run", ANEW), open_arrays(path) as stored:
                return self.model_input(stored["windows"])
        audio = self.index.audio("train")
        count = min(len(audio), self.recipe.quantization.calibration_clips)
        chosen = np.random.default_rng(self.recipe.seed).choice(len(audio), count, replace=False)
        return self.model_input(self.frontend.features(audio.gather(np.sort(chosen))))


class FeatureSource:
    """The training stream as model input: drawn by kws_tfmot.data, mixed up here, converted to float."""

    def __init__(self, build: Build, epochs: FeatureEpochs) -> None:
        self._build = build
        self._epochs = epochs
        self._classes = len(build.index.labels)

    @property
    def clips_per_epoch(self) -> int:
        """Clips of every epoch."""
        return self._epochs.batches.clips_per_epoch

    def epoch_features(self, epoch: int) -> tuple[Rows, Rows]:
        """Model input and targets of ``epoch``, a function of the recipe's seed and ``epoch`` alone."""
        features, labels = self._epochs.epoch_features(epoch)
        rng = np.random.default_rng([self._build.recipe.seed, epoch, 0x313])
        drawn = mixup_draws(len(labels), rng, self._build.recipe.augment.mixup_alpha)
        scale = self._build.recipe.frontend.scale
        return ModelInput(features, scale, *drawn), Targets(labels, self._classes, *drawn)
