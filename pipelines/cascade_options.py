"""Options of a second model that looks again at what the first one heard."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from firmware_export.emulation.cascade_cost import CascadeCost, Spent
from firmware_export.emulation.cascade_firmware import Pair
from kws_tfmot.contract import ModelContract
from kws_tfmot.errors import RecipeError
from pipelines.console import line, table
from pipelines.options import named_model

VerifierOption = Annotated[
    Path | None,
    typer.Option(
        "--verifier",
        parser=named_model,
        metavar="MODEL",
        help="A second, larger model that looks again at what the first one heard: only what both hear counts.",
    ),
]
BeforeOption = Annotated[
    int | None, typer.Option("--look-before", help="With --verifier: its first window ends so many ms before; 600.")
]
AfterOption = Annotated[
    int | None, typer.Option("--look-after", help="With --verifier: its last window ends so many ms after; 400.")
]


def look_settings(verifier: Path | None, before: int | None, after: int | None) -> dict[str, int]:
    """Settings of :meth:`~kws_tfmot.evaluation.streaming.cascade.LookPlan.of`.

    Raises:
        RecipeError: For times without a second model.
    """
    given = {"before_ms": before, "after_ms": after}
    found = {name: value for name, value in given.items() if value is not None}
    if found and verifier is None:
        raise RecipeError("--look-before and --look-after need --verifier MODEL: there is nothing that looks again.")
    return found


def pair_of(model: Path, verifier: Path, look: dict[str, int], **options: Any) -> Pair:
    """What :meth:`~firmware_export.emulation.cascade_firmware.Pair.of` builds of two models with settings."""
    contracts = ModelContract.of_model(model), ModelContract.of_model(verifier)
    return Pair.of(model, verifier, contracts, look=look, **options)


def show_cost(cost: CascadeCost) -> None:
    """The cost of an hour, part by part, beside that of the second model all the time."""
    total = cost.frontend.plus(cost.first).plus(cost.second)
    rows = [
        ["front end", *_million(cost.frontend)],
        ["first network", *_million(cost.first)],
        [f"second network, {cost.wakes_per_hour:g} wakes", *_million(cost.second)],
        ["together", *_million(total)],
        ["if the second listened alone", *_million(cost.frontend.plus(cost.second_alone))],
    ]
    table(f"an hour on {cost.board}, {cost.core}", ["", "million instructions", "million modelled cycles"], rows)
    line(
        f"a look costs {cost.look.instructions / 1e6:.2f} million instructions at most, "
        f"{cost.look.cycles[1] / 1e6:.2f} million modelled cycles; the second network is awake "
        f"{cost.awake_share:.2%} of the time"
    )


def _million(spent: Spent) -> list[str]:
    return [f"{spent.instructions / 1e6:,.1f}", f"{spent.cycles[0] / 1e6:,.1f} to {spent.cycles[1] / 1e6:,.1f}"]
