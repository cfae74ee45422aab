"""Settings of sparse training."""

from __future__ import annotations

import re

import pydantic

from kws_tfmot.errors import did_you_mean
from kws_tfmot.settings import Settings

METHODS = ("magnitude",)
_N_OF_M = re.compile(r"(\d+):(\d+)")
_BLOCK = re.compile(r"(\d+)x(\d+)")


class SparsitySettings(Settings):
    """How weights are made zero.

    Attributes:
        method: ``magnitude`` is TFMOT's gradual magnitude pruning (Zhu and Gupta 2017, arXiv 1710.01878).
        target: Share of zeros in every pruned kernel at the end, 0 to 0.98. For an N:M pattern it must be (M-N)/M.
        pattern: ``unstructured``; ``N:M``, for example ``2:4`` (N kept of M along the input channels); or a block such
            as ``16x1`` (TFMOT prunes blocks in fully connected kernels only, the other layers stay unstructured).
        epochs: Length of the pruning run.
        begin: Share of the run after which pruning begins.
        end: Share of the run at which the target is reached; what remains is fine-tuning with a fixed mask.
        frequency: Steps between two updates of the masks.
        learning_rate: Peak learning rate of the run.
        skip: Names of layers that stay dense.
    """

    method: str = "magnitude"
    target: float = pydantic.Field(default=0.75, ge=0.0, le=0.98)
    pattern: str = "unstructured"
    epochs: int = pydantic.Field(default=30, ge=1, le=10_000)
    begin: float = pydantic.Field(default=0.0, ge=0.0, lt=1.0)
    end: float = pydantic.Field(default=0.6, gt=0.0, le=1.0)
    frequency: int = pydantic.Field(default=20, ge=1)
    learning_rate: float = pydantic.Field(default=2e-3, gt=0)
    skip: tuple[str, ...] = ()

    @pydantic.field_validator("method")
    @classmethod
    def _known_method(cls, method: str) -> str:
        if method not in METHODS:
            raise ValueError(f"expected one of {', '.join(METHODS)}.{did_you_mean(method, METHODS)}")
        return method

    @pydantic.field_validator("pattern")
    @classmethod
    def _known_pattern(cls, pattern: str) -> str:
        if pattern != "unstructured" and not _N_OF_M.fullmatch(pattern) and not _BLOCK.fullmatch(pattern):
            raise ValueError("expected 'unstructured', 'N:M' such as '2:4', or a block such as '16x1'")
        return pattern

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> SparsitySettings:
        if self.end <= self.begin:
            raise ValueError(f"expected begin < end, got begin={self.begin} and end={self.end}")
        if self.n_of_m is not None:
            kept, group = self.n_of_m
            if not 0 < kept < group:
                raise ValueError(f"expected N:M with 0 < N < M, got {self.pattern}")
            if abs(self.target - (group - kept) / group) > 1e-9:
                raise ValueError(
                    f"the pattern {self.pattern} gives a sparsity of {(group - kept) / group:g}, not {self.target:g};"
                    f" set sparsity.target={(group - kept) / group:g}"
                )
        return self

    @property
    def n_of_m(self) -> tuple[int, int] | None:
        """(N, M) for an N:M pattern (N kept of every M), otherwise ``None``."""
        match = _N_OF_M.fullmatch(self.pattern)
        return (int(match[1]), int(match[2])) if match else None

    @property
    def block(self) -> tuple[int, int] | None:
        """(rows, columns) for a block pattern, otherwise ``None``."""
        match = _BLOCK.fullmatch(self.pattern)
        return (int(match[1]), int(match[2])) if match else None
