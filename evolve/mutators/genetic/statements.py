"""Edits that any language has: an operator, an order of conditions, and whole statements within one function."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from tree_sitter import Node

from evolve.mutators.genetic.edits import Edit, Site, Splice, quote
from evolve.mutators.genetic.languages import GROUPS
from evolve.mutators.genetic.source import Source, Statement

__all__ = ["conditions", "copy", "delete", "operator", "replace", "simplify", "swap"]

_SHORT = ("and", "or", "&&", "||")


def operator(source: Source) -> Iterator[Site]:
    """An operator becomes another of its group."""
    kinds = source.language.operations.split()
    for node in source.nodes:
        if node.is_named or node.parent is None or node.parent.type not in kinds:
            continue
        text = " ".join((node.text or b"").decode("utf-8").split())
        others = [other for group in GROUPS if text in group for other in group if other != text]
        if others:
            yield Site(source, node.start_byte, partial(_exchanged, source, node, text, others))


def _exchanged(source: Source, node: Node, text: str, others: list[str], rng: np.random.Generator) -> Edit:
    new = others[int(rng.integers(len(others)))]
    assert node.parent is not None
    whole = source.slice(node.parent.start_byte, node.parent.end_byte)
    return Edit(f"makes `{text}` to `{new}` in {quote(whole)}", (_put(source, node, new),))


def conditions(source: Source) -> Iterator[Site]:
    """The two sides of an `and` or `or` change places: what is cheap, or decides more often, goes first."""
    for node in source.nodes:
        left, sign, right = (node.child_by_field_name(name) for name in ("left", "operator", "right"))
        if left is None or sign is None or right is None or (sign.text or b"").decode() not in _SHORT:
            continue
        yield Site(source, node.start_byte, partial(_turned, source, left, right))


def _turned(source: Source, left: Node, right: Node, rng: np.random.Generator) -> Edit | None:
    one, two = (source.slice(n.start_byte, n.end_byte) for n in (left, right))
    # `a or b and c` turned is `b and c or a`: equal; but `(a and b) and c`, whose left side wears no brackets, turned
    # is `c and a and b`: equal too. Only a side that binds less than the operator needs brackets, and has them.
    return Edit(f"asks {quote(two)} before {quote(one)}", (_put(source, left, two), _put(source, right, one)))


def simplify(source: Source) -> Iterator[Site]:
    """One side of an operation alone: a condition less, a term less."""
    kinds = source.language.operations.split()
    for node in source.nodes:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if node.type in kinds and left is not None and right is not None and not _assigns(node):
            for side in (left, right):
                yield Site(source, node.start_byte, partial(_one_side, source, node, side))


def _assigns(node: Node) -> bool:
    return "assign" in node.type


def _one_side(source: Source, node: Node, side: Node, rng: np.random.Generator) -> Edit:
    text = source.slice(side.start_byte, side.end_byte)
    return Edit(f"keeps {quote(text)} of {_said(source, node)}", (_put(source, node, text),))


def delete(source: Source) -> Iterator[Site]:
    for statement in source.statements:
        yield Site(source, statement.node.start_byte, partial(_deleted, source, statement))


def _deleted(source: Source, statement: Statement, rng: np.random.Generator) -> Edit | None:
    node, text = statement.node, source.slice(statement.node.start_byte, statement.node.end_byte)
    if text.strip() == source.language.empty:
        return None
    alone = sum(not child.is_extra for child in statement.block.named_children) == 1
    lines = source.lines(node.start_byte, node.end_byte)
    if alone and source.language.empty:
        splice = _put(source, node, source.language.empty)
    elif lines is not None:
        splice = Splice(source.path, *lines, "")
    else:
        splice = _put(source, node, "")
    return Edit(f"deletes {quote(text)}", (splice,))


def swap(source: Source) -> Iterator[Site]:
    for statement in source.statements:
        yield Site(source, statement.node.start_byte, partial(_swapped, source, statement))


def _swapped(source: Source, statement: Statement, rng: np.random.Generator) -> Edit | None:
    other = _another(source, statement, rng)
    if other is None:
        return None
    one, two = statement.node, other.node
    splices = (
        _put(source, one, source.moved(two, source.indent(one.start_byte) or "")),
        _put(source, two, source.moved(one, source.indent(two.start_byte) or "")),
    )
    return Edit(f"swaps {_said(source, one)} with {_said(source, two)}", splices)


def copy(source: Source) -> Iterator[Site]:
    for statement in source.statements:
        yield Site(source, statement.node.start_byte, partial(_copied, source, statement))


def _copied(source: Source, statement: Statement, rng: np.random.Generator) -> Edit | None:
    other = _another(source, statement, rng)
    if other is None:
        return None
    start = statement.node.start_byte
    indent = source.indent(start)
    text = source.moved(other.node, indent or "")
    parting = f"{source.language.also} " if indent is None else f"\n{indent}"
    says = f"copies {_said(source, other.node)} before {_said(source, statement.node)}"
    return Edit(says, (Splice(source.path, start, start, text + parting),))


def replace(source: Source) -> Iterator[Site]:
    for statement in source.statements:
        yield Site(source, statement.node.start_byte, partial(_replaced, source, statement))


def _replaced(source: Source, statement: Statement, rng: np.random.Generator) -> Edit | None:
    other = _another(source, statement, rng)
    if other is None:
        return None
    node = statement.node
    text = source.moved(other.node, source.indent(node.start_byte) or "")
    return Edit(f"puts {_said(source, other.node)} in the place of {_said(source, node)}", (_put(source, node, text),))


def _another(source: Source, statement: Statement, rng: np.random.Generator) -> Statement | None:
    """Of the same function, beside it: neither around it nor inside it."""
    one = statement.node
    others = [
        s
        for s in source.statements
        if s.scope == statement.scope and (s.node.end_byte <= one.start_byte or one.end_byte <= s.node.start_byte)
    ]
    return others[int(rng.integers(len(others)))] if others else None


def _put(source: Source, node: Node, text: str) -> Splice:
    return Splice(source.path, node.start_byte, node.end_byte, text)


def _said(source: Source, node: Node) -> str:
    return quote(source.slice(node.start_byte, node.end_byte))
