"""Settings of the model builders."""

from __future__ import annotations

from typing import Any, Literal

import pydantic

from kws_tfmot.errors import RecipeError
from kws_tfmot.models.families import UNPADDED, check_name
from kws_tfmot.models.mbconv_cells import cells_text, parse_cells
from kws_tfmot.settings import Settings

OWN = "own"
_FAMILY_KEYS = (
    "size",
    "width",
    "blocks",
    "dropout",
    "multiplier",
    "mix",
    "cells",
    "time_padding",
    "separable",
    "local",
)
Size = Literal["s", "m", "l"]


class ModelSettings(Settings):
    """Which network to build.

    Attributes:
        name: One of :func:`kws_tfmot.models.model_names`; ``own`` where ``builder`` or ``file`` gives the network.
        builder: ``module:function`` of your own: ``function((frames, coefficients), classes)`` returns a Keras 2 model.
        file: A ``.keras`` or ``.h5`` file of your own, whose weights training starts from.
        weights: A model whose weights the training begins with, layer by layer where name and shape agree: one that
            ships (``zoo:commands``), the folder of a build, or a ``.keras`` file. Other words get a new head.
        size: The published sizes of the family (``s``, ``m``, ``l``); families with one size ignore it.
        width: Channels (or units) of every layer, in place of the published ones.
        blocks: Number of repeated blocks (or layers), in place of the published one.
        time_padding: ``same`` pads time at both ends of the window, as published; ``valid`` does not, so that a
            stream's rows are computed once (docs/streaming.md), and crops skips to their newest rows. ``cnn``, ``dnn``
            and ``streaming_cnn`` never pad time.
        separable: streaming_cnn: blocks of a depthwise and a pointwise convolution; false: of a full one along time,
            with a skip.
        local: streaming_cnn: first convolutions of 5x5, 3x3 and 3x3 that halve the frequencies, in place of one over
            all of them: several times the multiplications, and more learnt in as many steps (docs/evaluation.md).
        dropout: Share of the last features dropped in training, 0 to 0.9.
        multiplier: mbconv: the published widths (72 and, of the mix convolution, 144) times this, to a multiple of 8,
            where ``width`` and ``mix`` are not given. bc_resnet: the number in its name, in place of ``size``.
        mix: mbconv: channels of the last convolution; twice the width by default.
        cells: mbconv: its cells in order, as ``7x7 e2``, ``{kernel: 7, expansion: 2}`` or ``zero`` (left out); by
            default those of the published network for 10 coefficients, or the first ``blocks`` of them.
    """

    name: str = "ds_cnn"
    builder: str | None = pydantic.Field(default=None, pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")
    file: str | None = pydantic.Field(default=None, min_length=1)
    weights: str | None = pydantic.Field(default=None, min_length=1)
    size: Size = "s"
    width: int | None = pydantic.Field(default=None, ge=4, le=1024)
    blocks: int | None = pydantic.Field(default=None, ge=1, le=24)
    time_padding: Literal["same", "valid"] | None = None
    separable: bool = True
    local: bool = False
    dropout: float = pydantic.Field(default=0.0, ge=0.0, le=0.9)
    multiplier: float | None = pydantic.Field(default=None, gt=0.0, le=8.0)
    mix: int | None = pydantic.Field(default=None, ge=4, le=4096)
    cells: tuple[str, ...] | None = None

    @property
    def resolved_time_padding(self) -> Literal["same", "valid"]:
        """``time_padding``, or what the family is published with."""
        return self.time_padding or ("valid" if self.name in UNPADDED else "same")

    @pydantic.model_validator(mode="before")
    @classmethod
    def _own_name(cls, values: Any) -> Any:
        if not isinstance(values, dict) or not (values.get("builder") or values.get("file")):
            return values
        return {"name": OWN, **values}

    @pydantic.field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        return name if name == OWN else check_name(name)

    @pydantic.model_validator(mode="after")
    def _own_network(self) -> ModelSettings:
        given = [key for key in ("builder", "file") if getattr(self, key)]
        if len(given) == 2:
            raise ValueError("expected builder or file, not both")
        if self.file and self.weights:
            raise ValueError("file gives a network with its weights: leave out weights")
        if (self.name == OWN) != bool(given):
            raise ValueError(
                "name=own needs builder or file"
                if not given
                else f"{given[0]} gives the network: leave out name={self.name}"
            )
        fixed = [key for key in _FAMILY_KEYS if given and getattr(self, key) != type(self).model_fields[key].default]
        if fixed:
            raise ValueError(f"{', '.join(fixed)} belong to the families, not to a network of your own")
        return self

    @pydantic.field_validator("cells", mode="before")
    @classmethod
    def _readable(cls, cells: Any) -> tuple[str, ...] | None:
        if cells is None:
            return None
        if not isinstance(cells, list | tuple):
            raise ValueError("expected a list of cells such as ['7x7 e2', '5x5 e1']")
        try:
            return cells_text(parse_cells(cells))
        except RecipeError as err:
            raise ValueError(err.message) from None

    @pydantic.model_validator(mode="after")
    def _of_one_family(self) -> ModelSettings:
        own = [key for key in ("multiplier", "mix", "cells") if getattr(self, key) is not None]
        if own and self.name != "mbconv" and not (self.name == "bc_resnet" and own == ["multiplier"]):
            raise ValueError(f"{', '.join(own)} belong to the model mbconv, not to {self.name}")
        if self.cells is not None and self.blocks is not None:
            raise ValueError(f"expected cells or blocks, not both: {len(self.cells)} cells, blocks={self.blocks}")
        if self.multiplier is not None and self.width is not None:
            raise ValueError(f"expected width or multiplier, not both: {self.width} and {self.multiplier:g}")
        if self.time_padding == "same" and self.name in UNPADDED:
            raise ValueError(f"{self.name} does not pad time: expected time_padding valid, or none. Received: same")
        return self
