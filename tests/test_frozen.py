"""Records are immutable: they are shared, hashed and kept as keys. What is filled piece by piece is named here."""

from __future__ import annotations

import re

from tests.conftest import ROOT

FILLED = {
    "firmware_export/codegen/layer_writer.py": "LayerWriter",
    "firmware_export/emulation/emulator.py": "EmulationReport",
    "firmware_export/emulation/stream_report.py": "StreamReport",
    "firmware_export/ir.py": "Program",
    "kws_tfmot/data/clip_folder.py": "_Found",
    "kws_tfmot/data/levels.py": "LevelMeter",
    "kws_tfmot/detection/counters.py": "WordStatistics",
    "kws_tfmot/detection/rearming.py": "Rearming",
    "kws_tfmot/evaluation/report/svg.py": "Chart",
    "kws_tfmot/evaluation/streaming/heard_files.py": "Readings",
    "kws_tfmot/search/cells/choices.py": "ChoiceOptimizer",
}
RECORD = re.compile(r"^ *@(?:dataclasses\.)?dataclass(\(.*\))?\n(?: *@.*\n)* *class (\w+)", re.MULTILINE)
SETTINGS = re.compile(r"ConfigDict\(([^)]*)\)")


def test_records_are_frozen() -> None:
    open_ones, count = {}, 0
    for path in (each for top in ("kws_tfmot", "firmware_export", "pipelines") for each in (ROOT / top).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        for options, name in RECORD.findall(text):
            count += 1
            if "frozen=True" not in options:
                open_ones[str(path.relative_to(ROOT))] = name
        assert all("frozen=True" in options for options in SETTINGS.findall(text)), path
    assert open_ones == FILLED
    assert count > 150
