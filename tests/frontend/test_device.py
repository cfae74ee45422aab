"""The exported C on emulated boards: every byte the host's, and within its budgets."""

from pathlib import Path

import frontend_boards as boards
import numpy as np
import pytest
from frontend_signals import SETTINGS, extreme_signals

from kws_tfmot.frontend import Frontend, FrontendSettings

pytestmark = pytest.mark.device


def stretch() -> np.ndarray:
    """A third of a second of each extreme signal, one after the other."""
    return np.concatenate([signal[:5120] for signal in extreme_signals().values()])


@pytest.mark.parametrize("board", ["m0", "m3", "m4"])
@pytest.mark.parametrize("name", ["default", "log_mel"])
def test_bytes_equal_the_host(board: str, name: str, tmp_path: Path) -> None:
    settings = SETTINGS[name]
    elf = boards.build(board, settings, tmp_path)
    features, _ = boards.run(board, elf, stretch(), settings.features_per_frame)
    np.testing.assert_array_equal(features, Frontend(settings).features(stretch()))


@pytest.mark.parametrize("name", ["40_ms", "longest_fft"])
def test_other_sizes_on_the_dsp_path(name: str, tmp_path: Path) -> None:
    settings = SETTINGS[name]
    samples = stretch()[: len(stretch()) // settings.hop_samples * settings.hop_samples]
    elf = boards.build("m4", settings, tmp_path)
    features, _ = boards.run("m4", elf, samples, settings.features_per_frame)
    np.testing.assert_array_equal(features, Frontend(settings).features(samples))


def test_budget_on_cortex_m4(tmp_path: Path) -> None:
    """At most 60,000 instructions a hop, 12 kB of flash, 6 kB of RAM, C library's copying included."""
    settings = FrontendSettings()
    elf = boards.build("m4", settings, tmp_path)
    samples = stretch()[:16000]
    features, counts = boards.run("m4", elf, samples, settings.features_per_frame, count=True)
    pushes = counts.pop(-1)
    assert pushes >= 50
    assert 20_000 < sum(counts.values()) / len(features) <= 60_000
    sizes = boards.symbol_sizes(elf)
    flash = sum(
        size for name, (kind, size) in sizes.items() if kind in "tr" and name not in ("main", "reset", "vectors")
    )
    ram = sum(size for kind, size in sizes.values() if kind in "bd") + 16
    assert 4_000 < flash <= 12_000
    assert 3_000 < ram <= 6_000


@pytest.mark.slow
@pytest.mark.parametrize("board", boards.BOARDS)
def test_500_clips_on_every_board(board: str, speech: np.ndarray, tmp_path: Path) -> None:
    settings = FrontendSettings()
    clips = speech[:500].reshape(-1)
    features, _ = boards.run(board, boards.build(board, settings, tmp_path), clips, settings.features_per_frame)
    np.testing.assert_array_equal(features, Frontend(settings).features(clips))


def test_a_wrong_table_entry_is_found(tmp_path: Path) -> None:
    """The comparison can fail: one step in one DCT entry."""
    settings = FrontendSettings()
    boards.build("m3", settings, tmp_path)
    tables = tmp_path / "kws_frontend_tables.c"
    text = tables.read_text()
    start = text.index("dct[400]")
    first = text[start:].split("\n")[1].split(",")[0].strip()
    tables.write_text(text[:start] + text[start:].replace(first, str(int(first) + 4), 1))
    elf = boards.link("m3", tmp_path)
    features, _ = boards.run("m3", elf, stretch(), 10)
    assert (features != Frontend(settings).features(stretch())).any()
