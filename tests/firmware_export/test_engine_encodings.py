"""What every weight encoding must obey: decoding gives the matrix back, or the encoding declines it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_export.encodings import ENCODINGS
from firmware_export.encodings.base import fits_lanes


def matrix(seed: int, channels: int, depth: int, sparsity: float, reach: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = rng.integers(-reach, reach, (channels, depth), endpoint=True)
    return np.where(rng.random(rows.shape) < sparsity, 0, rows).astype(np.int8)


def signs(channels: int, depth: int, bits: int) -> np.ndarray:
    """Weights without a zero level: odd numbers times 4."""
    top = (1 << bits) - 1
    odd = 2 * np.random.default_rng(bits).integers(0, top + 1, (channels, depth)) - top
    return (4 * odd).astype(np.int8)


def takes_few_values(name: str) -> bool:
    """Whether the encoding may decline weights for their values, not their zeros."""
    return name == "planes" or ENCODINGS[name].kernel == "lowbit"


@pytest.mark.parametrize("name", sorted(ENCODINGS))
class TestEveryEncoding:
    @given(
        seed=st.integers(0, 1 << 20),
        channels=st.integers(1, 9),
        depth=st.integers(1, 300),
        sparsity=st.sampled_from((0.0, 0.5, 0.75, 0.9, 0.99, 1.0)),
        reach=st.sampled_from((1, 3, 15, 127)),
    )
    @settings(max_examples=40, deadline=None, derandomize=True, database=None)
    def test_decode_inverts_encode(
        self, name: str, seed: int, channels: int, depth: int, sparsity: float, reach: int
    ) -> None:
        rows = matrix(seed, channels, depth, sparsity, reach)
        encoded = ENCODINGS[name].encode(rows)
        if encoded is not None:
            np.testing.assert_array_equal(ENCODINGS[name].decode(encoded, channels, depth), rows)

    def test_it_takes_a_usual_layer(self, name: str) -> None:
        rows = signs(64, 64, 3) if name in ("planes", "row_tables") else matrix(1, 64, 64, 0.75, 7)
        encoded = ENCODINGS[name].encode(rows)
        assert encoded is not None
        assert encoded.size > 0

    def test_it_is_deterministic(self, name: str) -> None:
        rows = matrix(2, 16, 32, 0.5, 30)
        assert ENCODINGS[name].encode(rows) == ENCODINGS[name].encode(rows.copy())

    def test_sparse_kernels_decline_rows_that_overflow_a_lane(self, name: str) -> None:
        rows = np.full((2, 300), 127, np.int8)
        assert not fits_lanes(rows)
        assert (ENCODINGS[name].encode(rows) is None) == ENCODINGS[name].sparse or takes_few_values(name)


@pytest.mark.parametrize(
    ("name", "sparsity", "share"),
    [
        ("bitmap", 0.75, 0.39),
        ("bitmap", 0.9, 0.23),
        ("delta4", 0.75, 0.41),
        ("delta4", 0.9, 0.21),
        ("index", 0.9, 0.23),
        ("dense", 0.9, 1.0),
    ],
)
def test_stored_bytes_are_near_the_theory(name: str, sparsity: float, share: float) -> None:
    rows = matrix(3, 64, 64, 0, 127)
    rows[rows == 0] = 1
    rows.reshape(-1)[np.random.default_rng(4).permutation(rows.size)[: round(rows.size * sparsity)]] = 0
    encoded = ENCODINGS[name].encode(rows)
    assert encoded is not None
    assert encoded.size / rows.size == pytest.approx(share, abs=0.03)


def test_structured_and_low_bit_weights_are_stored_small() -> None:
    rng = np.random.default_rng(5)
    two_of_four = np.zeros((8, 16, 4), np.int8)
    np.put_along_axis(two_of_four, rng.permuted(np.tile(np.arange(4), (8, 16, 1)), axis=2)[:, :, :2], 5, axis=2)
    blocks = np.repeat(rng.integers(0, 2, (8, 16)) * 9, 4, axis=1).astype(np.int8)
    sizes = {n: ENCODINGS[n].encode(r) for n, r in (("nm", two_of_four.reshape(8, 64)), ("block", blocks))}
    assert sizes["nm"] is not None and sizes["nm"].size == 8 * (32 + 16)
    assert sizes["block"] is not None and sizes["block"].size == 8 + 5 * np.count_nonzero(blocks[:, ::4])
    clustered = np.random.default_rng(6).integers(-127, 128, (16, 4)).astype(np.int8)
    clustered = np.take_along_axis(clustered, rng.integers(0, 4, (16, 64)), axis=1)
    own, common = (ENCODINGS[name].encode(clustered) for name in ("row_tables", "table"))
    assert own is not None and (own.bits, own.size) == (2, 16 * (4 + 16))
    assert common is not None and common.size > 2.5 * own.size
    planes = ENCODINGS["planes"].encode(signs(8, 60, 3))
    assert planes is not None and (planes.bits, planes.group, planes.size) == (3, 4, 8 * 3 * 8)
    packed = ENCODINGS["packed"].encode(rng.integers(-2, 2, (8, 64)).astype(np.int8))
    assert packed is not None and packed.bits == 2 and packed.size == 8 * 16


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_planes_hold_every_odd_level_and_nothing_else(bits: int) -> None:
    rows = signs(9, 77, bits)
    encoded = ENCODINGS["planes"].encode(rows)
    assert encoded is not None and encoded.bits == bits
    np.testing.assert_array_equal(ENCODINGS["planes"].decode(encoded, 9, 77), rows)
    rows[4, 5] = 0
    assert ENCODINGS["planes"].encode(rows) is None
    assert ENCODINGS["planes"].encode(signs(2, 256, bits)) is None  # its sums would leave 16 bits


@pytest.mark.parametrize(
    ("name", "depth"),
    [("block", 1020), ("index", 256), ("delta4", 2), ("planes", 255), ("nm", 4), ("bitmap", 1), ("delta", 1)],
)
def test_each_encoding_takes_rows_up_to_its_limit(name: str, depth: int) -> None:
    def takes(length: int) -> bool:
        rows = np.ones((2, length), np.int8)
        rows[:, 1:] = 1 if name == "planes" else 0
        encoded = ENCODINGS[name].encode(rows)
        if encoded is not None:
            np.testing.assert_array_equal(ENCODINGS[name].decode(encoded, 2, length), rows)
        return encoded is not None

    beyond = {"block": 1024, "index": 257, "planes": 256, "delta4": 1, "nm": 3}
    assert takes(depth)
    assert name not in beyond or not takes(beyond[name])


@pytest.mark.parametrize("full", [255, 256])
def test_an_index_counts_255_weights_a_row_and_not_256(full: int) -> None:
    rows = np.zeros((1, 256), np.int8)
    rows[0, :full] = 1
    assert (ENCODINGS["index"].encode(rows) is None) == (full == 256)


@pytest.mark.parametrize("bits", range(1, 9))
def test_packed_weights_take_the_fewest_bits_that_hold_them(bits: int) -> None:
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    for ends in ((low, low), (high, max(low // 2, -1)), (low, high)):
        encoded = ENCODINGS["packed"].encode(np.array([ends, (0, 0)], np.int8))
        fewest = next(k for k in range(1, 9) if all(-(2 ** (k - 1)) <= end < 2 ** (k - 1) for end in (*ends, 0)))
        assert encoded is None if fewest == 8 else encoded is not None and encoded.bits == fewest


@given(seed=st.integers(0, 1 << 20), groups=st.integers(1, 5), most=st.integers(0, 3))
@settings(max_examples=40, deadline=None, derandomize=True, database=None)
def test_n_of_m_keeps_the_fewest_weights_and_completes_a_pair_with_zero(seed: int, groups: int, most: int) -> None:
    rng = np.random.default_rng(seed)
    rows = np.where(rng.random((3, groups, 8)) < most / 8, rng.integers(1, 9, (3, groups, 8)), 0).astype(np.int8)
    rows = rows.reshape(3, -1)
    encoded = ENCODINGS["nm"].encode(rows)
    assert encoded is not None
    fullest = {m: max(1, int(np.count_nonzero(rows.reshape(-1, m), axis=1).max())) for m in (4, 8)}
    kept = {m: n * rows.shape[1] // m for m, n in fullest.items()}
    group = 4 if kept[4] <= kept[8] else 8
    assert (encoded.bits, encoded.group) == (fullest[group], group)
    records = np.frombuffer(encoded.data, np.uint8).reshape(3, -(-kept[group] // 2), 3)
    if kept[group] % 2:
        assert (records[:, -1, 0] < 16).all() and not records[:, -1, 2].any()
