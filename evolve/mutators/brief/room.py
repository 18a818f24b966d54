"""Who gets how many characters, and what is said of the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evolve.mutators.brief.quoting import Fence, Quote

__all__ = ["Part", "lay", "left_out", "shared"]


@dataclass(frozen=True)
class Part:
    """A section: `title` and `says` are ours, `quotes` are data, most telling first. `weight`: its claim to room where
    there is too little."""

    title: str
    says: str
    quotes: tuple[Quote, ...]
    weight: float = 1.0

    @property
    def opening(self) -> str:
        return f"\n## {self.title}\n\n{self.says}\n"

    @property
    def length(self) -> int:
        """Characters, shown whole."""
        return len(self.opening) + sum(Fence.length(quote.label, len(quote.text)) for quote in self.quotes)

    @property
    def characters(self) -> int:
        """Of data."""
        return sum(len(quote.text) for quote in self.quotes)


def shared(room: int, wants: Sequence[int], weights: Sequence[float]) -> list[int]:
    """Each gets what it wants where its share by weight allows; what some don't need goes to the others."""
    given = [0] * len(wants)
    open_ = set(range(len(wants)))
    while open_:
        total = sum(weights[i] for i in open_)
        content = {i for i in open_ if wants[i] <= room * weights[i] / total}
        if not content:
            for i in open_:
                given[i] = int(room * weights[i] / total)
            break
        for i in content:
            given[i] = wants[i]
        room -= sum(wants[i] for i in content)
        open_ -= content
    return given


def lay(part: Part, fence: Fence, room: int) -> str:
    """The section in at most `room` characters; "" where nothing of its data would be in it."""
    if part.length <= room:
        return part.opening + "".join(fence.around(quote.label, quote.text) for quote in part.quotes)
    left = room - len(part.opening) - len(left_out(part.quotes))
    if left <= 0:
        return ""
    wants = [Fence.length(quote.label, len(quote.text)) for quote in part.quotes]
    if all(quote.whole for quote in part.quotes):
        rooms = _in_turn(left, wants)
    else:
        rooms = shared(left, wants, [1.0] * len(wants))
    blocks = [fence.within(quote, share) for quote, share in zip(part.quotes, rooms, strict=True)]
    missing = [quote for quote, block in zip(part.quotes, blocks, strict=True) if not block]
    if len(missing) == len(blocks):
        return ""
    return part.opening + "".join(blocks) + left_out(missing)


def left_out(quotes: Sequence[Quote]) -> str:
    """The line that says so; "" where nothing is. Never longer for fewer of the same quotes."""
    if not quotes:
        return ""
    return f"({len(quotes):,} more left out: {sum(len(quote.text) for quote in quotes):,} characters)\n"


def _in_turn(room: int, wants: Sequence[int]) -> list[int]:
    """What each gets whole while there is room; others nothing."""
    given = []
    for want in wants:
        given.append(want if want <= room else 0)
        room -= given[-1]
    return given
