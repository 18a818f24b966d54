"""Numeric literals: read, changed, and written again as the language had them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from tree_sitter import Node

from evolve.mutators.genetic.edits import Edit, Site, Splice, quote
from evolve.mutators.genetic.source import Source
from evolve.numbers import Number

__all__ = ["Literal", "marked", "number", "numbers", "switch", "tune"]

# Decimal digits, and a suffix as in Rust's `1.5f32`. Other bases are masks and colours more often than quantities.
_LITERAL = re.compile(r"(\d[\d_]*(?:\.\d[\d_]*|\.)?(?:[eE][+-]?\d+)?)_?([iuf](?:8|16|32|64|128|size))?")
_MARK = re.compile(r"(?:#|//)\s*tune\b")
# The last word before a number is what it is called; its type is none, as in Rust's `const TEMPO: i32 = 10`.
_NAME = re.compile(r"([\w.]+)(?:\s*:\s*(?:[iuf](?:8|16|32|64|128|size)|int|float))?\W*$")
_NAMED = 80  # characters before it that are looked at


@dataclass(frozen=True)
class Literal:
    """A numeric literal and the sign before it. `whole`: written without a point, and kept so."""

    source: Source
    start: int
    end: int
    row: int
    value: float
    whole: bool
    suffix: str

    def written(self, value: float) -> str:
        """The value as this literal would be written: whole if this one is, six digits otherwise."""
        if self.whole:
            return f"{round(value)}{self.suffix}"
        text = f"{value:.6g}"
        return (text if re.search(r"[.en]", text) else text + ".0") + self.suffix

    def splice(self, value: float) -> Splice:
        return Splice(self.source.path, self.start, self.end, self.written(value))

    @property
    def number(self) -> Number:
        """As the engine knows it: its place is the function around it, so that it stays where lines move."""
        source = self.source
        scale = abs(self.value) or 1.0
        return Number(source.path, source.scope(self.start), self._name, self.value, self.whole, scale)

    @property
    def _name(self) -> str:
        line = self.source.data.rfind(b"\n", 0, self.start) + 1
        found = _NAME.search(self.source.slice(line, self.start)[-_NAMED:])
        return quote(found[1]) if found else f"line {self.row + 1}"


def numbers(source: Source) -> Iterator[Literal]:
    kinds = source.language.numbers.split()
    for node in source.nodes:
        read = _LITERAL.fullmatch((node.text or b"").decode()) if node.type in kinds else None
        if read is None:
            continue
        digits, suffix = read[1].replace("_", ""), read[2] or ""
        found = Literal(
            source, node.start_byte, node.end_byte, node.start_point.row, float(digits), digits.isdigit(), suffix
        )
        yield _signed(found, node)


def _signed(found: Literal, node: Node) -> Literal:
    parent = node.parent
    # A minus of its own belongs to the number, so that a value can change its sign without becoming `--1`.
    if parent is not None and parent.child_count == 2 and (parent.children[0].text or b"") == b"-":
        return replace(found, start=parent.start_byte, value=-found.value)
    return found


def marked(source: Source) -> list[Literal]:
    """The numbers on lines that end in the comment `tune`."""
    rows = {
        node.start_point.row
        for node in source.nodes
        if node.is_extra and _MARK.match((node.text or b"").decode("utf-8"))
    }
    return [found for found in numbers(source) if found.row in rows] if rows else []


def tune(source: Source) -> Iterator[Site]:
    """One marked number becomes a little more or less."""
    return (Site(source, found.start, partial(_nudged, found)) for found in marked(source) if found.value)


def switch(source: Source) -> Iterator[Site]:
    """One marked number that is nought becomes one: what it weighs was written, and is switched off. One is the usual
    strength, as our engines have it; a convention."""
    return (Site(source, found.start, partial(_switched, found)) for found in marked(source) if not found.value)


def _nudged(found: Literal, rng: np.random.Generator) -> Edit | None:
    # A third of it: further than noise, nearer than another sign. An assumption.
    value = found.value + abs(found.value) * rng.normal() / 3
    if found.whole and round(value) == found.value:
        value = found.value + rng.choice([-1, 1])
    return _becomes(found, value)


def _switched(found: Literal, rng: np.random.Generator) -> Edit | None:
    return _becomes(found, 1.0)


def _becomes(found: Literal, value: float) -> Edit | None:
    old, new = found.source.slice(found.start, found.end), found.written(value)
    if old == new:
        return None
    return Edit(
        f"makes {found.number.name} `{old}` to `{new}`", (Splice(found.source.path, found.start, found.end, new),)
    )


def number(source: Source) -> Iterator[Site]:
    """One number becomes another: a step, a half, a double, nought, one, or a little more or less."""
    for found in numbers(source):
        yield Site(source, found.start, partial(_changed, found))


def _changed(found: Literal, rng: np.random.Generator) -> Edit:
    value = found.value
    # The last is a scale of about a quarter up or down: the reach of one step of a (1+1) strategy, an assumption.
    others = [value + 1, value - 1, value * 2, value / 2, 0.0, 1.0, value * float(np.exp(0.25 * rng.normal()))]
    old = found.source.slice(found.start, found.end)
    texts = [text for text in map(found.written, others) if text != old]
    new = texts[int(rng.integers(len(texts)))]
    return Edit(f"makes `{old}` to `{new}`", (Splice(found.source.path, found.start, found.end, new),))
