"""Every Python block of docs/python.md runs, one after the other, and leaves what it promises."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "python.md"
BLOCK = re.compile(r"(<!-- device: [^\n]*-->\n)?```python\n(.*?)```", re.S)


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> dict:
    """The names that the blocks leave."""
    patch = pytest.MonkeyPatch()
    patch.chdir(tmp_path_factory.mktemp("python"))
    names: dict = {}
    text = PAGE.read_text(encoding="utf-8")
    device = all(shutil.which(tool) for tool in ("arm-none-eabi-gcc", "qemu-system-arm"))
    for block in BLOCK.finditer(text):
        if block[1] and not device:
            continue
        line = text[: block.start(2)].count("\n")
        exec(compile("\n" * line + block[2], str(PAGE), "exec"), names)
    names["folder"] = Path.cwd()
    yield names
    patch.undo()


def share_of_zeros(page, model) -> float:
    """In the layers that are pruned."""
    left = page["kws"].not_pruned(page["model"], target=0.75)
    weights = {layer.name: layer.weights for layer in page["kws"].count_layers(model) if layer.weights}
    zeros = page["kws"].zeros(model)
    return sum(zeros[name] * weights[name] for name in zeros if name not in left) / sum(
        weights[name] for name in zeros if name not in left
    )


def test_zeros_are_there_and_stay(page) -> None:
    assert share_of_zeros(page, page["sparse"]) == pytest.approx(0.75, abs=0.01)
    assert page["kws"].inspect("mine.tflite").zero_share > 0.6
    assert share_of_zeros(page, page["by_hand"]) == pytest.approx(0.5, abs=0.01)
    assert max(page["kws"].zeros(page["model"]).values()) < 0.05  # what is given is left as it is


def test_the_file_hears_what_it_was_taught_and_the_engine_gives_its_bytes(page) -> None:
    assert np.mean(page["scores"].argmax(axis=1) == page["classes"][200:]) > 0.8
    found = page["same"].run(page["steps"][..., None])
    np.testing.assert_array_equal(found.reshape(page["scores"].shape), page["scores"])
    assert (page["folder"] / "engine" / "README.md").is_file() and list((page["folder"] / "tflm").glob("*.h"))
    if "counted" in page:
        assert page["counted"].bit_exact and page["counted"].instructions > 10_000


def test_importing_the_library_imports_no_tensorflow() -> None:
    import subprocess
    import sys

    code = (
        "import sys, kws_tfmot, firmware_export; sys.exit('tensorflow' in sys.modules or 'matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_every_name_is_there_and_documented() -> None:
    import firmware_export
    import kws_tfmot

    for package in (kws_tfmot, firmware_export):
        for name in package.__all__:
            assert name == "__version__" or getattr(package, name).__doc__
    with pytest.raises(AttributeError, match="nothing"):
        kws_tfmot.nothing  # noqa: B018


@pytest.mark.slow
@pytest.mark.device
def test_the_notebook_runs_from_the_first_cell_to_the_last() -> None:
    notebook = json.loads((PAGE.parent / "keras_model_to_cycles.ipynb").read_text(encoding="utf-8"))
    names: dict = {}
    for cell in notebook["cells"]:
        assert not cell.get("outputs"), "outputs are not kept"
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
    assert names["accuracy"] > 0.8
    assert names["report"].instructions < names["dense"].instructions
