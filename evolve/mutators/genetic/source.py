"""One file, parsed: its nodes, functions and statements, and what of them an edit may touch."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from tree_sitter import Node

from evolve.genome import parsed
from evolve.mutators.genetic.languages import LANGUAGES, Language, language_of, parse

__all__ = ["Function", "Source", "Statement", "is_sound", "source_of"]

_PYTHON = LANGUAGES[".py"]


@dataclass(frozen=True)
class Function:
    """`name` is qualified by the classes and functions around it, with dots."""

    name: str
    node: Node
    body: Node


@dataclass(frozen=True)
class Statement:
    """`scope`: the innermost function's name, empty outside of all."""

    node: Node
    block: Node
    scope: str


class Source:
    """Read-only. Offsets are bytes of UTF-8, as both tree-sitter and Python's `ast` count them."""

    def __init__(self, path: str, text: str, language: Language) -> None:
        self.path = path
        self.text = text
        self.language = language
        self.data = text.encode("utf-8")
        self._tree = parse(language, self.data)
        self.root = self._tree.root_node

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """All of them, in the order of the text, the parents first."""
        found, rest = [], [self.root]
        while rest:
            node = rest.pop()
            found.append(node)
            rest.extend(reversed(node.children))
        return tuple(found)

    @cached_property
    def functions(self) -> tuple[Function, ...]:
        kinds = self.language.functions.split()
        found = []
        for node in self.nodes:
            body = node.child_by_field_name("body") if node.type in kinds else None
            if body is not None:
                found.append(Function(_qualified(node), node, body))
        return tuple(found)

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        """What stands in a block. Definitions and imports are none, nor what only documents."""
        kinds = self.language.blocks.split()
        return tuple(
            Statement(child, node, self.scope(child.start_byte))
            for node in self.nodes
            if node.type in kinds
            for child in node.named_children
            if not child.is_extra and not _documents(child) and not self._defines(child)
        )

    def scope(self, offset: int) -> str:
        """The name of the innermost function around an offset; empty outside of all."""
        inside = [f.name for f in self.functions if f.node.start_byte <= offset < f.node.end_byte]
        return inside[-1] if inside else ""

    def line(self, offset: int) -> int:
        """From 1."""
        return self.data.count(b"\n", 0, offset) + 1

    def indent(self, offset: int) -> str | None:
        """The blanks before it; None where something else stands before it on its line."""
        before = self.data[self.data.rfind(b"\n", 0, offset) + 1 : offset]
        return None if before.strip() else before.decode()

    def lines(self, start: int, end: int) -> tuple[int, int] | None:
        """The whole lines of a piece, a comment after it and the line's end included; None where it shares them."""
        stop = self.data.find(b"\n", end)
        stop = len(self.data) if stop < 0 else stop + 1
        rest = self.data[end:stop].strip()
        if self.indent(start) is None or (rest and not rest.startswith(self.language.comment.encode())):
            return None
        return self.data.rfind(b"\n", 0, start) + 1, stop

    def slice(self, start: int, end: int) -> str:
        return self.data[start:end].decode("utf-8")

    @cached_property
    def literal_rows(self) -> frozenset[int]:
        """Rows that begin inside a string: their blanks are text, not indentation."""
        rows: set[int] = set()
        for node in self.nodes:
            if node.start_point.row != node.end_point.row and ("string" in node.type or "heredoc" in node.type):
                rows.update(range(node.start_point.row + 1, node.end_point.row + 1))
        return frozenset(rows)

    def moved(self, node: Node, indent: str) -> str:
        """The node's text as it reads when its first line is indented by `indent`."""
        old = self.indent(node.start_byte)
        lines = self.slice(node.start_byte, node.end_byte).split("\n")
        if old is None or old == indent:
            return "\n".join(lines)
        for i in range(1, len(lines)):
            row = node.start_point.row + i
            if row not in self.literal_rows and lines[i].startswith(old):
                lines[i] = indent + lines[i].removeprefix(old)
        return "\n".join(lines)

    @cached_property
    def module(self) -> ast.Module | None:
        """Python's own tree, which knows loads from stores; None in another language."""
        return _module(self.text) if self.language is _PYTHON else None

    def _defines(self, node: Node) -> bool:
        return "import" in node.type or any(
            node.start_byte <= f.node.start_byte and f.node.end_byte <= node.end_byte for f in self.functions
        )


@lru_cache(maxsize=128)
def source_of(path: str, text: str) -> Source | None:
    """None for a language that the table doesn't have, and for a file that its grammar cannot read."""
    language = language_of(path)
    if language is None:
        return None
    source = Source(path, text, language)
    return None if source.root.has_error else source


def is_sound(path: str, text: str) -> bool:
    """Does it still parse? Nothing is executed, nor compiled."""
    source = source_of(path, text)
    if source is None:
        return False
    return source.language is not _PYTHON or (source.module is not None and not any(_strays(source.module, False)))


def _module(text: str) -> ast.Module | None:
    try:
        return parsed(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _strays(node: ast.AST, in_loop: bool) -> Iterator[ast.AST]:
    """`break` and `continue` outside of a loop: Python's parser lets them pass, its compiler doesn't."""
    if isinstance(node, ast.Break | ast.Continue) and not in_loop:
        yield node
    if isinstance(node, ast.For | ast.AsyncFor | ast.While):
        for statement in node.body:
            yield from _strays(statement, True)
        for statement in node.orelse:
            yield from _strays(statement, in_loop)
    elif not isinstance(node, ast.expr):
        inner = False if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) else in_loop
        for child in ast.iter_child_nodes(node):
            yield from _strays(child, inner)


def _qualified(node: Node) -> str:
    names: list[str] = []
    at: Node | None = node
    while at is not None:
        # Whatever has a body and a name: classes, modules, functions; Rust's `impl` has a type instead.
        name = at.child_by_field_name("name") or at.child_by_field_name("type")
        if name is not None and at.child_by_field_name("body") is not None:
            names.append(_text(name))
        at = at.parent
    return ".".join(reversed(names))


def _documents(node: Node) -> bool:
    only = node.named_children[0].type if node.named_child_count == 1 else ""
    return node.type == "expression_statement" and only == "string"


def _text(node: Node) -> str:
    return re.sub(r"\s+", "", (node.text or b"").decode("utf-8"))
