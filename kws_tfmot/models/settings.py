"""Settings of the model builders."""

from __future__ import annotations

from typing import Literal

import pydantic

from kws_tfmot.settings import Settings

Size = Literal["s", "m", "l"]


class ModelSettings(Settings):
    """Which network to build.

    Attributes:
        name: One of :func:`kws_tfmot.models.model_names`.
        size: The published sizes of the family (``s``, ``m``, ``l``); families with one size ignore it.
        width: Channels (or units) of every layer, in place of the published ones.
        blocks: Number of repeated blocks (or layers), in place of the published one.
        dropout: Share of the last features dropped in training, 0 to 0.9.
    """

    name: str = "ds_cnn"
    size: Size = "s"
    width: int | None = pydantic.Field(default=None, ge=4, le=1024)
    blocks: int | None = pydantic.Field(default=None, ge=1, le=24)
    dropout: float = pydantic.Field(default=0.0, ge=0.0, le=0.9)

    @pydantic.field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        from kws_tfmot.models.registry import check_name  # the registry needs Keras, these settings do not

        return check_name(name)
