"""`kws demo`: a model as one web page that listens, with the C that is flashed inside it as WebAssembly."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from firmware_export.browser.browser_page import DemoPage, demo_page
from kws_tfmot.contract import ModelContract
from kws_tfmot.errors import RecipeError, did_you_mean
from kws_tfmot.evaluation.report import RunFacts, read_run, trusting
from kws_tfmot.files import refusing, write_text
from kws_tfmot.recipe import load_recipe
from kws_tfmot.zoo import PREFIX, model_names, shipped_at
from pipelines.console import friendly_errors, line
from pipelines.foreign import FeaturesOption, equipped
from pipelines.options import RecipeOption, named_model
from pipelines.outputs import FileOption

PAGE = "demo.html"


def command(
    run: Annotated[
        Path,
        typer.Argument(
            parser=named_model, metavar="RUN", help="A finished build's folder, a .tflite file, or a model that ships."
        ),
    ],
    out: Annotated[
        Path | None, FileOption(help="The page; RUN/demo.html, or the model's name with .html, by default.")
    ] = None,
    recipe: RecipeOption = None,
    features: FeaturesOption = None,
) -> None:
    """Write a model as one self-contained page that hears a microphone or a file, in any browser."""
    with friendly_errors():
        given = load_recipe(recipe).contract() if recipe else None
        page, made = page_of(equipped(run, features, recipe), given)
        if features:  # not beside the copy
            page = run.with_suffix(".html")
        with refusing(out or page):
            written = write_text(out or page, made.html)
    line(f"{written}: {written.stat().st_size / 1000:,.0f} kB, needs nothing else; open it in a browser", markup=False)


def page_of(source: Path, given: ModelContract | None = None) -> tuple[Path, DemoPage]:
    """The page of a run or of a model, and where it lies by default.

    Raises:
        RecipeError: If there is neither.
        ModelError: For a model without settings, or one that the engine does not run.
        ToolchainError: Without a compiler for WebAssembly.
    """
    if source.is_dir():
        facts = read_run(source)
        contract = ModelContract.of_model(facts.model, given)
        with trusting(source / "metrics.json"):
            said = str(facts.metrics["recipe"]), _rows(facts), _notes(facts)
        made = demo_page(facts.model, contract, *said)
        return source / PAGE, made
    if not source.is_file():
        guess = did_you_mean(str(source).removeprefix(PREFIX), model_names())
        raise RecipeError(f"expected the directory of a build or a .tflite file. Received: {str(source)!r}.{guess}")
    shipped = shipped_at(source)
    made = demo_page(source, ModelContract.of_model(source, given), shipped.name if shipped else source.stem)
    return Path(f"{shipped.name}.html") if shipped else source.with_suffix(".html"), made


def _rows(facts: RunFacts) -> list[tuple[str, str]]:
    accuracy = facts.accuracy
    low, high = accuracy["interval_95"]
    return [
        (
            "accuracy",
            f"{accuracy['accuracy']:.1%} of N = {accuracy['n']} test clips (95 %: {low:.1%} to {high:.1%}; split "
            f"{accuracy['split_sha256'][:12]}; {accuracy['interpreter']})",
        ),
        ("trained on", str(facts.metrics["data"]["source"])),
    ]


def _notes(facts: RunFacts) -> list[str]:
    if facts.trust:
        return facts.trust
    return ["Trained and judged on synthesised speech: it may not hear people."] if facts.synthetic else []


if __name__ == "__main__":
    typer.run(command)
