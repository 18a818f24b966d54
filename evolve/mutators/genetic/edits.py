"""What an edit is: pieces of text put in the place of others, and one sentence that says so."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from evolve.mutators.genetic.source import Source

__all__ = ["Edit", "Kind", "Site", "Splice", "apply", "quote"]

_SNIPPET = 44  # characters: two of them and a place fit into a line of a log


@dataclass(frozen=True)
class Splice:
    """`text` in the place of the bytes from `start` to `end` of a file."""

    path: str
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Edit:
    """`says`: what it does, as a verb and its objects ("deletes `x = y`")."""

    says: str
    splices: tuple[Splice, ...]
    donors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Site:
    """A place where a kind of edit could be made. `edit` makes it, or finds at second glance that it can't."""

    source: Source
    offset: int
    edit: Callable[[np.random.Generator], Edit | None]

    @property
    def where(self) -> str:
        scope = self.source.scope(self.offset)
        place = f"{self.source.path}:{self.source.line(self.offset)}"
        return f"{place}, function {scope}" if scope else place


Kind = Callable[[Source], Iterable[Site]]
"""A kind of edit: all its sites in one file, in the order of the text."""


def apply(files: Mapping[str, str], splices: Iterable[Splice]) -> dict[str, str] | None:
    """The files with all splices made; None where two of them meet, or nothing changes."""
    found: dict[str, list[Splice]] = {}
    for splice in splices:
        found.setdefault(splice.path, []).append(splice)
    changed = dict(files)
    for path, some in found.items():
        data = files[path].encode("utf-8")
        last = len(data)
        for splice in sorted(some, key=lambda s: (s.start, s.end), reverse=True):
            if splice.end > last:
                return None
            data = data[: splice.start] + splice.text.encode("utf-8") + data[splice.end :]
            last = splice.start
        changed[path] = data.decode("utf-8")
    return changed if any(changed[path] != files[path] for path in found) else None


def quote(text: str) -> str:
    """Code in a sentence: one line, not too long."""
    line = re.sub(r"\s+", " ", text).strip()
    return f"`{line if len(line) <= _SNIPPET else line[: _SNIPPET - 1] + '…'}`"
