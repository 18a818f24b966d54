"""The table of edits that look at one file. A kind is a function; its name here is the kind that is learnt over."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

from evolve.mutators.genetic import numbers, statements
from evolve.mutators.genetic.edits import Kind, Site
from evolve.mutators.genetic.python import branches, calls, constants, hoist, idioms, loops, tidy
from evolve.mutators.genetic.python.code import Code, code_of
from evolve.mutators.genetic.source import Source

__all__ = ["KINDS", "sites"]


def _python(kind: Callable[[Code], Iterable[Site]]) -> Kind:
    """A kind that reads Python's own tree has no sites elsewhere."""

    def found(source: Source) -> Iterable[Site]:
        code = code_of(source)
        return () if code is None else kind(code)

    return found


KINDS: dict[str, Kind] = {
    # Blind: any language, any meaning. What they break, the trial finds.
    "number": numbers.number,
    "operator": statements.operator,
    "conditions": statements.conditions,
    "simplify": statements.simplify,
    "delete": statements.delete,
    "swap": statements.swap,
    "copy": statements.copy,
    "replace": statements.replace,
    # Marked numbers, one at a time.
    "tune": numbers.tune,
    "switch": numbers.switch,
    # Python, with its meaning in view.
    "hoist": _python(hoist.hoist),
    "invariant": _python(hoist.invariant),
    "cache_local": _python(hoist.cache_local),
    "reuse": _python(hoist.reuse),
    "count": _python(loops.count),
    "items": _python(loops.items),
    "comprehension": _python(loops.comprehension),
    "join": _python(loops.join),
    "unroll": _python(loops.unroll),
    "early": _python(branches.early),
    "reorder": _python(branches.reorder),
    "table": _python(branches.table),
    "constant": _python(constants.constant),
    "pattern": _python(constants.pattern),
    "membership": _python(constants.membership),
    "inline": _python(calls.inline),
    "minmax": _python(calls.minmax),
    "remember": _python(calls.remember),
    "idiom": _python(idioms.idiom),
    "slots": _python(idioms.slots),
    "uncopied": _python(idioms.uncopied),
    "tidy": _python(tidy.tidy),
}


@lru_cache(maxsize=1024)
def sites(kind: str, source: Source) -> tuple[Site, ...]:
    """Where this kind of edit could be made in the file; remembered, as a champion is edited many times."""
    return tuple(KINDS[kind](source))
