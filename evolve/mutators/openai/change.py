"""How alike two changes are, whatever they were made to."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from evolve.genome import Genome
from evolve.substrate import Attempt

__all__ = ["alike", "change", "most_alike"]

Change = Counter[tuple[str, str]]
"""How often a word was added ("+") or removed ("-")."""

_WORD = re.compile(r"\d+(?:\.\d+)?|\w+|[^\w\s]")
_RECENT = 400  # earlier attempts that are compared with, of each kind: a millisecond or so each while they are new


@lru_cache(maxsize=4096)  # a run asks for its recent attempts again and again
def change(parent: Genome, genome: Genome) -> Change:
    """The words of the lines that differ; words that were only moved are none."""
    removed, added = Counter[str](), Counter[str]()
    for path in {*parent, *genome}:
        if parent.get(path) == genome.get(path):
            continue
        before, after = (Counter(g.get(path, "").splitlines()) for g in (parent, genome))
        removed.update(_words((before - after).elements()))
        added.update(_words((after - before).elements()))
    gone, new = removed - added, added - removed
    if not gone and not new:
        gone, new = removed, added
    return Counter({("-", w): n for w, n in gone.items()} | {("+", w): n for w, n in new.items()})


def _words(lines: Iterable[str]) -> list[str]:
    return [word for row in lines for word in _WORD.findall(row)]


def alike(one: Change, other: Change) -> float:
    """Jaccard's index: 0 nothing in common, 1 the same."""
    either = (one | other).total()
    return (one & other).total() / either if either else 0.0


def most_alike(parent: Genome, genome: Genome, attempts: Sequence[Attempt]) -> tuple[float, Attempt | None]:
    """The earlier attempt whose change is most like this one, the newest of equals, and how much."""
    new = change(parent, genome)
    best: tuple[float, Attempt | None] = (0.0, None)
    for attempt in reversed(attempts[-_RECENT:]):
        likeness = alike(new, change(attempt.parent, attempt.genome))
        if likeness > best[0]:
            best = (likeness, attempt)
    return best
