"""The table of edits that look at one file. A kind is a function; its name here is the kind that is learnt over."""

from __future__ import annotations

from functools import lru_cache

from evolve.mutators.genetic import numbers, statements
from evolve.mutators.genetic.edits import Kind, Site
from evolve.mutators.genetic.source import Source

__all__ = ["KINDS", "sites"]

KINDS: dict[str, Kind] = {
    # Blind: any language, any meaning. What they break, the trial finds.
    "number": numbers.number,
    "operator": statements.operator,
    "conditions": statements.conditions,
    "delete": statements.delete,
    "swap": statements.swap,
    "copy": statements.copy,
    "replace": statements.replace,
}


@lru_cache(maxsize=1024)
def sites(kind: str, source: Source) -> tuple[Site, ...]:
    """Where this kind of edit could be made in the file; remembered, as a champion is edited many times."""
    return tuple(KINDS[kind](source))
