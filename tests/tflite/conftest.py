"""Models that the tests of this folder share: one written by hand, one converted from Keras."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import tflite_builders


@pytest.fixture(scope="session")
def model() -> bytes:
    """A small int8 DS-CNN with random weights, ending in softmax."""
    return tflite_builders.ds_cnn(np.random.default_rng(1))


@pytest.fixture(scope="session")
def sparse_weights_model() -> bytes:
    """The same with 80 % of the convolutions' weights zero, stored densely."""
    return tflite_builders.ds_cnn(np.random.default_rng(2), width=32, sparsity=0.8)
