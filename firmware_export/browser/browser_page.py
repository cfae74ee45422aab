"""A model as one HTML page that hears: the firmware's C as WebAssembly, drawn and measured; it loads nothing."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
from markupsafe import Markup

from firmware_export.browser.wasm import SOURCE, compile_wasm
from firmware_export.codegen.rename import renamed
from firmware_export.codegen.stamp import head_text
from firmware_export.packages.content import package_content
from firmware_export.packages.protocol import Content
from kws_tfmot.contract import ModelContract
from kws_tfmot.detection.detector import DetectorPlan
from kws_tfmot.tflite.reader import read_model

PAGE = Path(__file__).parent / "page"
NAME = "spotter"
_SCRIPTS = ("audio.js", "draw.js", "app.js")


@dataclass(frozen=True)
class DemoPage:
    """A page, with what it is made of.

    Attributes:
        html: The whole page.
        wasm: The module inside it.
        content: The sources the module is made of.
    """

    html: str
    wasm: bytes
    content: Content


def demo_page(
    model: str | Path | bytes,
    contract: ModelContract,
    title: str,
    rows: Sequence[tuple[str, str]] = (),
    notes: Sequence[str] = (),
) -> DemoPage:
    """The page for ``model``; the same model, words and compiler give the same bytes.

    Args:
        model: Path or bytes of an int8 ``.tflite``.
        contract: Its labels, front end and detector.
        title: What is above.
        rows: Names and values of the table of facts, before those of the model itself.
        notes: What a listener should know, each a line below the title.

    Raises:
        ModelError: For a model that the engine does not run.
        ToolchainError: Without a compiler for WebAssembly.
    """
    content = package_content(model, contract, NAME, "speed")
    wasm = demo_module(content)
    frontend = contract.frontend
    plan = DetectorPlan.of(read_model(model), contract.labels, frontend, contract.detection)
    facts = {
        "labels": list(plan.labels),
        "keywords": [plan.labels.index(word) for word in plan.keywords],
        "rate": frontend.sample_rate,
        "hop": frontend.hop_samples,
        "window": frontend.window_samples,
        "features": frontend.features_per_frame,
    }
    own = [
        ("network", f"{content.constant_bytes:,} bytes of constants, {content.arena_bytes:,} bytes of RAM"),
        (
            "front end",
            f"{frontend.kind}, {frontend.window_ms} ms every {frontend.hop_ms} ms, {frontend.sample_rate} Hz",
        ),
        ("decides", f"every {plan.stride * frontend.hop_ms} ms, mean of {plan.window}"),
        ("this page's code", f"{len(wasm):,} bytes of WebAssembly, weights included"),
        ("model", f"SHA-256 {content.digest}"),
        ("made by", f"kws-tfmot {content.version}; code: Apache-2.0"),
    ]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGE), autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined
    )
    html = environment.get_template("page.html.j2").render(
        head=head_text(),
        title=title,
        keywords=plan.keywords,
        notes=list(notes),
        rows=[*rows, *own],
        rate=frontend.sample_rate,
        hop_ms=frontend.hop_ms,
        features=frontend.features_per_frame,
        feature_rows=max(60, 4 * frontend.features_per_frame),
        kind=frontend.kind,
        style=_text("style.css"),
        script=Markup("\n").join(_text(name) for name in _SCRIPTS),
        worklet=_text("worklet.js"),
        facts=Markup(json.dumps(facts).replace("<", "\\u003c")),
        engine=base64.b64encode(wasm).decode("ascii"),
    )
    return DemoPage(html, wasm, content)


def demo_module(content: Content) -> bytes:
    """The WebAssembly module of a package's sources.

    Raises:
        ToolchainError: Without a compiler for WebAssembly, or if it refuses the code.
    """
    own = (SOURCE / "spotter_browser.c").read_text(encoding="utf-8")
    return compile_wasm({**content.sources, "spotter_browser.c": renamed(own, NAME)})


def _text(name: str) -> Markup:
    return Markup((PAGE / name).read_text(encoding="utf-8"))
