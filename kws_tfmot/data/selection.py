"""Which clips of other words an evaluation split takes, so that ``_unknown_`` is neither rare nor everything."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable


def balanced_choice(clips: Iterable[tuple[str, str]], count: int, seed: int) -> set[str]:
    """Up to ``count`` paths, taken from the words in turn, in the order of ``SHA-256(seed:path)``.

    Args:
        clips: Path and word of every candidate.
        count: How many to take at most.
        seed: Another seed gives another order within every word.

    >>> sorted(balanced_choice([("a/1", "a"), ("a/2", "a"), ("a/3", "a"), ("b/1", "b")], 2, 0))[1]
    'b/1'
    """
    by_word: dict[str, list[str]] = defaultdict(list)
    for path, word in clips:
        by_word[word].append(path)
    place = {path: _order(path, seed) for paths in by_word.values() for path in paths}
    queue = [
        (rank, word, path)
        for word, paths in by_word.items()
        for rank, path in enumerate(sorted(paths, key=place.__getitem__))
    ]
    # Within a round the words come in a seeded order too, so that a cut-off round favours no letter of the alphabet.
    queue.sort(key=lambda item: (item[0], _order(item[1], seed)))
    return {path for _, _, path in queue[:count]}


def _order(text: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}:{text}".encode("utf-8", "surrogateescape")).hexdigest()
