"""`make bench-device`: missed goals are reported, and only what got worse than the committed record ends with 1."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from pipelines.experiments import device_bench
from pipelines.experiments.run_bench_device import command

ROW = device_bench.BenchRow(
    title="dense int8",
    board="mps2-an385",
    core="Cortex-M3",
    goal=replace(device_bench.STEP_GOAL, instructions=900, cycles=None, ram=None),
    instructions=1000,
    cycles=1500,
    cycles_range=(1400, 1600),
    cycles_are="made up",
    flash=2000,
    ram=300,
    stack=40,
    bit_exact=True,
    layers=({"layer": "0 CONV_2D", "kernel": "kws_fc_dense", "instructions": 1000.0},),  # as of steps
)


def bench_device(
    monkeypatch: pytest.MonkeyPatch, row: device_bench.BenchRow, out: Path, *options: str
) -> tuple[int, str]:
    monkeypatch.setattr(device_bench, "goals", lambda say: [row])
    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, ["--no-boards", "--out", str(out), *options])
    return result.exit_code, " ".join(result.output.split())


def test_only_what_got_worse_than_the_committed_record_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    out = tmp_path / "device.json"
    code, said = bench_device(monkeypatch, ROW, out)
    assert code == 0 and "a goal is missed: dense int8 on Cortex-M3" in said
    record = json.loads(out.read_text())
    assert record["goals"][0]["commit"] == record["commit"]
    assert bench_device(monkeypatch, ROW, out, "--strict")[0] == 1
    assert bench_device(monkeypatch, replace(ROW, instructions=1004, cycles=1400), out)[0] == 0
    code, said = bench_device(monkeypatch, replace(ROW, instructions=1020), out)
    assert code == 1 and "dense int8 on Cortex-M3: instructions 1,004 -> 1,020 (+1.6 %)" in said
    assert bench_device(monkeypatch, replace(ROW, instructions=1020), out)[0] == 0  # it is the record now
    assert bench_device(monkeypatch, replace(ROW, instructions=500, bit_exact=False), out)[0] == 1
