"""Other words that training never hears, so that validation and test say how `_unknown_` copes with any word."""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Mapping

LEAST_WORDS = 4
"""With fewer other words none is held out: training needs them all."""
NARROW_WORDS = 5
"""Fewer held-out words than this do not make up a test of `_unknown_` by themselves."""


def held_out_words(clips_of: Mapping[str, Mapping[str, int]], share: float, seed: int) -> dict[str, str]:
    """The words that are held out, each with the split that it is held out for.

    ``share`` of the words go to test and half as many, rounded up, to validation, in the order of
    ``SHA-256(seed:word)``. Words with more than twice the median's clips come last: the few words that make up most of
    a set are needed in training.

    Args:
        clips_of: Clips of every other word by split, as far as it is known; a word can be held out for ``test`` (or
            ``validation``) where it has clips there, or where nothing is known of splits (key ``""``).
        share: Of the words that test gets, 0 to 0.5; 0 holds out none.
        seed: Another seed gives other words.

    >>> words = {name: {"": 10} for name in "abcdefghij"}
    >>> sorted(held_out_words(words, 0.2, seed=0).values())
    ['test', 'test', 'validation']
    >>> held_out_words({"a": {"": 10}, "b": {"": 10}}, 0.2, seed=0)
    {}
    """
    words = sorted(word for word, counts in clips_of.items() if sum(counts.values()))
    if share <= 0 or len(words) < LEAST_WORDS:
        return {}
    total = {word: sum(clips_of[word].values()) for word in words}
    usual = 2 * statistics.median(total.values())
    words.sort(key=lambda word: (total[word] > usual, _order(word, seed)))
    number = max(1, round(share * len(words)))
    result: dict[str, str] = {}
    for split, count in (("test", number), ("validation", max(1, -(-number // 2)))):
        fit = [word for word in words if word not in result and (clips_of[word].get("") or clips_of[word].get(split))]
        result |= dict.fromkeys(fit[:count], split)
    return result


def _order(word: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}:{word}".encode("utf-8", "surrogateescape")).hexdigest()
