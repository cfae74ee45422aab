"""Settings of quantisation."""

from __future__ import annotations

from typing import Literal

import pydantic

from kws_tfmot.quantization.low_bit_settings import LowBitSettings
from kws_tfmot.settings import Settings


class QuantizationSettings(Settings):
    """How the weights and activations become int8.

    Attributes:
        mode: ``qat`` trains with simulated quantisation; ``ptq`` calibrates after training; ``none`` stays float.
        preserve: What quantisation-aware training must keep: ``sparsity`` (TFMOT's prune-preserving QAT), ``clusters``,
            ``clusters_and_sparsity``, ``nothing``, or ``auto``: whatever the stages before have made.
        epochs: Length of the QAT run.
        learning_rate: Its peak learning rate.
        clusters: Share this many values among the weights of each kernel before QAT (weight clustering);
            0 for no clustering.
        cluster_epochs: Length of the clustering run.
        calibration_clips: Training clips that calibrate post-training quantisation.
        low_bit: Weights of 1 to 8 bits, trained (``qat``) or rounded (``ptq``); null for TFMOT's int8.
    """

    mode: Literal["qat", "ptq", "none"] = "qat"
    preserve: Literal["auto", "sparsity", "clusters", "clusters_and_sparsity", "nothing"] = "auto"
    epochs: int = pydantic.Field(default=12, ge=1, le=10_000)
    learning_rate: float = pydantic.Field(default=5e-4, gt=0, le=10)
    clusters: int = pydantic.Field(default=0, ge=0, le=256)
    cluster_epochs: int = pydantic.Field(default=10, ge=1, le=10_000)
    calibration_clips: int = pydantic.Field(default=500, ge=10, le=1_000_000)
    low_bit: LowBitSettings | None = None

    @pydantic.field_validator("clusters")
    @classmethod
    def _two_or_more(cls, clusters: int) -> int:
        if clusters == 1:
            raise ValueError("expected 0 (no clustering) or at least 2 clusters")
        return clusters

    @pydantic.model_validator(mode="after")
    def _one_way(self) -> QuantizationSettings:
        if self.low_bit and self.mode == "none":
            raise ValueError("low_bit needs mode=qat (trained) or mode=ptq (rounded), got mode=none")
        if self.clusters and self.mode != "qat":
            raise ValueError(
                f"clusters={self.clusters} are made before mode=qat trains, got mode={self.mode}; "
                "set mode=qat, or clusters=0"
            )
        if self.low_bit and (self.clusters or self.preserve != "auto"):
            raise ValueError("low_bit is a training of its own: leave clusters=0 and preserve=auto, which are TFMOT's")
        return self

    def preserves(self, sparse: bool) -> str:
        """What QAT keeps, with ``auto`` resolved by whether the weights are sparse and clustered."""
        if self.preserve != "auto":
            return self.preserve
        return {
            (False, False): "nothing",
            (False, True): "sparsity",
            (True, False): "clusters",
            (True, True): "clusters_and_sparsity",
        }[bool(self.clusters), sparse]
