"""SpecAugment and mixup on features."""

from __future__ import annotations

import numpy as np
import pytest

from kws_tfmot.data import AugmentSettings, mixup, spec_augment


@pytest.fixture
def features() -> np.ndarray:
    return np.random.default_rng(0).integers(-128, 128, (200, 49, 10)).astype(np.int8)


def test_no_masks_change_nothing(features: np.ndarray) -> None:
    np.testing.assert_array_equal(spec_augment(features, np.random.default_rng(0), AugmentSettings()), features)


def test_a_time_mask_covers_whole_consecutive_frames_with_the_mean(features: np.ndarray) -> None:
    settings = AugmentSettings(time_masks=1, time_mask_frames=8)
    before = features.copy()
    masked = spec_augment(features, np.random.default_rng(0), settings)
    np.testing.assert_array_equal(features, before)
    assert masked.dtype == np.int8
    widths = []
    for clip, original in zip(masked, features, strict=True):
        changed = np.flatnonzero((clip != original).any(axis=1))
        widths.append(len(changed))
        if len(changed):
            assert changed[-1] - changed[0] + 1 == len(changed)
            np.testing.assert_array_equal(clip[changed[0]], np.rint(original.mean(axis=0)).astype(np.int8))
    assert max(widths) == 8
    assert min(widths) == 0
    assert np.mean(widths) == pytest.approx(4, abs=0.6)


def test_a_frequency_mask_covers_whole_coefficients(features: np.ndarray) -> None:
    settings = AugmentSettings(frequency_masks=1, frequency_mask_bins=2)
    masked = spec_augment(features, np.random.default_rng(0), settings)
    columns = (masked != features).mean(axis=1)
    assert ((columns == 0) | (columns > 0.9)).all()
    assert (columns > 0).sum(axis=1).max() == 2


def test_masks_wider_than_the_features_cover_them_all(features: np.ndarray) -> None:
    settings = AugmentSettings(frequency_masks=1, frequency_mask_bins=500)
    assert spec_augment(features, np.random.default_rng(0), settings).shape == features.shape


def test_mixup_mixes_features_and_targets_alike() -> None:
    x = np.eye(6, dtype=np.float32) * 10
    y = np.eye(6, dtype=np.float32)
    mixed, targets = mixup(x, y, np.random.default_rng(0), 0.4)
    np.testing.assert_allclose(mixed, 10 * targets, rtol=1e-5)
    np.testing.assert_allclose(targets.sum(axis=1), 1, rtol=1e-5)
    assert (np.diag(targets) >= 0.5).all()
    assert ((targets > 0) & (targets < 1)).any()


def test_mixup_of_nothing_is_nothing() -> None:
    x, y = np.ones((3, 4, 5)), np.eye(3)
    mixed, targets = mixup(x, y, np.random.default_rng(0), 0.0)
    np.testing.assert_array_equal(mixed, x)
    np.testing.assert_array_equal(targets, y)
    assert mixed.dtype == targets.dtype == np.float32
