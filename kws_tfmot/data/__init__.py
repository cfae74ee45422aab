"""Sources of clips -> an index (path, word, speaker, split) -> augmented batches."""

from __future__ import annotations

from kws_tfmot.data.batches import TrainingBatches
from kws_tfmot.data.clip_index import AudioSplit, ClipIndex
from kws_tfmot.data.clip_table import Clip
from kws_tfmot.data.data_settings import AugmentSettings, DataSettings, SplitSettings, SyntheticSettings
from kws_tfmot.data.feature_augment import mixup, spec_augment
from kws_tfmot.data.labels import SILENCE, UNKNOWN, class_labels
from kws_tfmot.data.noise import NoiseBank
from kws_tfmot.data.prefetch import FeatureEpochs, feature_batches
from kws_tfmot.data.prepare import prepare

__all__ = [
    "SILENCE",
    "UNKNOWN",
    "AudioSplit",
    "AugmentSettings",
    "Clip",
    "ClipIndex",
    "DataSettings",
    "FeatureEpochs",
    "NoiseBank",
    "SplitSettings",
    "SyntheticSettings",
    "TrainingBatches",
    "class_labels",
    "feature_batches",
    "mixup",
    "prepare",
    "spec_augment",
]
