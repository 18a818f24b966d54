"""What a change changed, word by word."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

__all__ = ["Change", "Piece", "changes"]

_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
_CONTEXT = 1
"""Unchanged lines shown around a changed one."""


@dataclass(frozen=True)
class Piece:
    """A run of text that was kept, added (`ins`) or taken out (`del`)."""

    kind: str
    text: str


@dataclass(frozen=True)
class Change:
    """One place in one file."""

    path: str
    pieces: tuple[Piece, ...]


def changes(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    """Each changed place of two genomes, with a line of context, file by file."""
    for path in sorted({*old, *new}):
        before, after = old.get(path, "").splitlines(True), new.get(path, "").splitlines(True)
        matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
        for group in matcher.get_grouped_opcodes(_CONTEXT):
            pieces: list[Piece] = []
            for kind, a, b, c, d in group:
                was, now = "".join(before[a:b]), "".join(after[c:d])
                pieces += [Piece("same", was)] if kind == "equal" else _words(was, now)
            yield Change(path, tuple(pieces))


def _words(old: str, new: str) -> Iterator[Piece]:
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    for kind, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        was, now = "".join(before[a:b]), "".join(after[c:d])
        if kind == "equal":
            yield Piece("same", was)
            continue
        if was:
            yield Piece("del", was)
        if now:
            yield Piece("ins", now)
