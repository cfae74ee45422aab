"""The digest of the code behind a stage: it changes with every file that the stage can reach, and with no other."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from kws_tfmot import source_digest
from kws_tfmot.source_digest import module_digest, reached_files
from pipelines.stages.export import export_build
from pipelines.stages.train import train_dense

FILES = {
    "kws_tfmot/__init__.py": "",
    "kws_tfmot/loop.py": "try:\n    def f():\n        from kws_tfmot.deep import thing\nexcept OSError:\n    pass\n",
    "kws_tfmot/deep/__init__.py": "",
    "kws_tfmot/deep/thing.py": "import numpy\n",
    "kws_tfmot/deep/csrc/kernel.c": "int x;",
    "kws_tfmot/deep/README.md": "# words",
    "kws_tfmot/typed.py": "",
    "kws_tfmot/other.py": "",
    "pipelines/__init__.py": "",
    "pipelines/train.py": (
        "from typing import TYPE_CHECKING\nfrom kws_tfmot.loop import f\n"
        "if TYPE_CHECKING:\n    import kws_tfmot.typed\n"
    ),
    "pipelines/registry.py": "import importlib\nimportlib.import_module('pipelines.' + 'train')\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def digest(module: str, root: Path) -> str:
    module_digest.cache_clear()
    source_digest._imports.cache_clear()
    source_digest._files_of.cache_clear()
    return module_digest(module, root)


@pytest.mark.parametrize(
    ("file", "counts"),
    [
        ("pipelines/train.py", True),
        ("kws_tfmot/loop.py", True),
        ("kws_tfmot/deep/thing.py", True),  # imported inside a function, inside a try
        ("kws_tfmot/deep/csrc/kernel.c", True),
        ("kws_tfmot/deep/__init__.py", True),  # Python runs it on the way
        ("kws_tfmot/other.py", False),
        ("kws_tfmot/typed.py", False),  # for the type checker alone
        ("kws_tfmot/deep/README.md", False),
        ("pipelines/registry.py", False),
    ],
)
def test_what_a_module_reaches_counts_and_nothing_else(tree: Path, file: str, counts: bool) -> None:
    before = digest("pipelines.train", tree)
    (tree / file).write_text(FILES[file] + "\n# changed\n")
    assert (digest("pipelines.train", tree) != before) is counts


def test_a_module_that_imports_by_computed_names_reaches_its_package(tree: Path) -> None:
    assert tree / "pipelines/train.py" in reached_files("pipelines.registry", tree)


def test_stages_reach_the_code_that_makes_them() -> None:
    root = Path(source_digest.__file__).parent.parent
    train, export = (
        {path.relative_to(root).as_posix() for path in reached_files(stage.__module__)}
        for stage in (train_dense, export_build)
    )
    needed = {"kws_tfmot/training/loop.py", "kws_tfmot/models/ds_cnn.py", "kws_tfmot/data/batches.py"}
    assert needed | {"kws_tfmot/frontend/csrc/kws_frontend_fft.c"} <= train
    assert not any(name.startswith("firmware_export/") for name in train)  # a change of the engine trains nothing anew
    assert {"firmware_export/operators/conv_2d.py", "firmware_export/runtime/kws_engine.h"} <= export


def test_functions_from_outside_have_no_digest() -> None:
    assert source_digest.source_digest(functools.partial(test_functions_from_outside_have_no_digest)) == ""
    assert source_digest.source_digest(functools.partial(train_dense)) != ""
