"""int8 outputs of a model -> posteriors in Q15, by integers alone: the same on every machine."""

from __future__ import annotations

from decimal import Decimal, localcontext

import numpy as np
import numpy.typing as npt

ONE = 1 << 15
"""Posterior 1 in Q15."""


def exponential_table(scale: float) -> tuple[int, ...]:
    """``round(2^15 exp(-scale d))`` for ``d = 0, 1, ...``, up to 255 or the last entry that is not 0.

    ``d`` is the distance of an int8 logit from the largest one. Computed in decimal arithmetic, whose ``exp`` is
    correctly rounded everywhere, unlike the C library's.

    >>> exponential_table(1.0)
    (32768, 12055, 4435, 1631, 600, 221, 81, 30, 11, 4, 1, 1)
    """
    with localcontext() as context:
        context.prec = 40
        step = Decimal(float(scale))
        entries = [int((ONE * (-step * d).exp()).to_integral_value()) for d in range(256)]
    return tuple(entry for entry in entries if entry)


def softmax_posteriors(outputs: npt.NDArray[np.int8], table: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Softmax of logits int8 ``[N, classes]`` as Q15 ``[N, classes]``.

    ``e_i = table[max_j q_j - q_i]`` (0 beyond the table), ``p_i = floor((2^15 e_i + floor(S / 2)) / S)`` with
    ``S = sum_j e_j``. No product exceeds 32 bits for up to 65,535 classes; the zero point cancels.

    >>> softmax_posteriors(np.array([[10, 10, -100]], np.int8), exponential_table(0.1)).tolist()
    [[16384, 16384, 0]]
    """
    padded = np.zeros(256, np.int64)
    padded[: len(table)] = table
    logits = outputs.astype(np.int64)
    e = padded[logits.max(axis=1, keepdims=True) - logits]
    total = e.sum(axis=1, keepdims=True)
    return (e * ONE + total // 2) // total


def probability_posteriors(outputs: npt.NDArray[np.int8]) -> npt.NDArray[np.int64]:
    """Probabilities of a softmax in the model, ``(q + 128) / 256``, as Q15.

    >>> probability_posteriors(np.array([[-128, 127]], np.int8)).tolist()
    [[0, 32640]]
    """
    return (outputs.astype(np.int64) + 128) * (ONE // 256)
