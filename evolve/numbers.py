"""What a number in a genome is to whoever moves it: where it stands, what it may be, and the genome with another."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evolve.genome import Genome, Globs

__all__ = ["Number", "Numbers"]


@dataclass(frozen=True)
class Number:
    """`place`: where in the file it stands and what it is there, the same whatever its value; `name`: what a person
    calls it. `scale` (> 0): its natural size, of which a step is a part. `low` and `high` are both allowed."""

    path: str
    place: str
    name: str
    value: float
    whole: bool = False
    scale: float = 1.0
    low: float = -math.inf
    high: float = math.inf

    def fitted(self, value: float) -> float:
        """The nearest value that it may have."""
        near = min(max(value, self.low), self.high)
        return float(round(near)) if self.whole else near


@dataclass(frozen=True)
class Numbers:
    """Those of one genome that may be moved by themselves, in an order that edits of them keep.

    `put`: the genome with these values, one a number, in their place; None where that says nothing. A value that does
    not fit its number may be brought to one that does. `which`: in words, which numbers of a genome these are.
    """

    all: tuple[Number, ...]
    put: Callable[[Sequence[float]], Genome | None]
    which: str = "all of them"

    def within(self, editable: Globs) -> Numbers:
        """Those in files that may be edited; the others stay as they are."""
        free = [number.path in editable for number in self.all]
        if all(free):
            return self

        def put(values: Sequence[float]) -> Genome | None:
            given = iter(values)
            return self.put([next(given) if f else n.value for n, f in zip(self.all, free, strict=True)])

        return Numbers(tuple(n for n, f in zip(self.all, free, strict=True) if f), put, self.which)
