"""A function taken over from another lineage, with the module's names that it needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np
from tree_sitter import Node

from evolve.genome import Genome
from evolve.mutators.genetic.edits import Edit, Site, Splice
from evolve.mutators.genetic.source import Function, Source, source_of

__all__ = ["function"]


def function(sources: Sequence[Source], donors: Mapping[str, Genome]) -> Iterator[Site]:
    """Functions that a donor has at the same path, under the same name, with another body."""
    for source in sources:
        own = {f.name: f for f in source.functions}
        for donor, genome in sorted(donors.items()):
            other = source_of(source.path, genome[source.path]) if source.path in genome else None
            for theirs in other.functions if other is not None else ():
                mine = own.get(theirs.name)
                if mine is not None and mine.body.text != theirs.body.text:
                    assert other is not None
                    yield Site(source, mine.node.start_byte, partial(_taken, source, mine, donor, other, theirs))


def _taken(
    source: Source, mine: Function, donor: str, other: Source, theirs: Function, rng: np.random.Generator
) -> Edit:
    text = other.moved(theirs.node, source.indent(mine.node.start_byte) or "")
    splices = [Splice(source.path, mine.node.start_byte, mine.node.end_byte, text)]
    needed = _needed(source, other, theirs)
    if needed:
        start = _top(mine.node).start_byte
        splices.append(Splice(source.path, start, start, "".join(line + "\n" for line in needed)))
    return Edit(f"takes over the function {mine.name} of {donor}", tuple(splices), donors=(donor,))


def _needed(source: Source, other: Source, theirs: Function) -> list[str]:
    """Definitions at the donor's top level that the function names and our file never does (one line each)."""
    used = _words(theirs.node)
    ours = _words(source.root)
    found = []
    for node in other.root.named_children:
        text = other.slice(node.start_byte, node.end_byte)
        name = next((leaf for leaf in _leaves(node) if leaf.isidentifier() and leaf in used and leaf not in ours), None)
        if name is not None and "\n" not in text:
            found.append(text)
    return found


def _top(node: Node) -> Node:
    while node.parent is not None and node.parent.parent is not None:
        node = node.parent
    return node


def _words(node: Node) -> set[str]:
    return set(_leaves(node))


def _leaves(node: Node) -> Iterator[str]:
    rest = [node]
    while rest:
        at = rest.pop()
        if at.child_count == 0:
            yield (at.text or b"").decode("utf-8")
        rest.extend(reversed(at.children))
