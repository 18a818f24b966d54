"""Python's own tree of a file, with the offsets of its pieces: what all Python edits ask first."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache

from evolve.mutators.genetic.edits import Splice
from evolve.mutators.genetic.source import Source

__all__ = ["Block", "Code", "FunctionNode", "code_of", "dotted", "loads", "same", "stores", "walk"]

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
Block = tuple[list[ast.stmt], int]
"""A statement's list, and its place in it."""

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_PLACED = (ast.stmt, ast.expr, ast.arg, ast.alias, ast.excepthandler, ast.keyword)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_ATOMS = (ast.Name, ast.Constant, ast.Attribute, ast.Subscript, ast.Call, ast.List, ast.Dict, ast.Set, ast.ListComp)


class Code:
    """Read-only. Offsets are bytes, as in its `source`."""

    def __init__(self, source: Source, module: ast.Module) -> None:
        self.source = source
        self.module = module
        self._lines = [0]
        for line in source.data.split(b"\n")[:-1]:
            self._lines.append(self._lines[-1] + len(line) + 1)
        self._parameters_read: dict[str, frozenset[int]] = {}
        self._locals: dict[FunctionNode, set[str]] = {}
        self._unparsed: dict[ast.AST, str] = {}
        self.parents: dict[ast.AST, ast.AST] = {
            child: node for node in ast.walk(module) for child in ast.iter_child_nodes(node)
        }

    # -- where things are ----------------------------------------------------------------------

    def start(self, node: ast.AST) -> int:
        decorators: list[ast.expr] = getattr(node, "decorator_list", [])
        if decorators:
            return self.source.data.rindex(b"@", 0, self.start(decorators[0]))
        assert isinstance(node, _PLACED)
        return self._lines[node.lineno - 1] + node.col_offset

    def end(self, node: ast.AST) -> int:
        assert isinstance(node, _PLACED)
        return self._lines[(node.end_lineno or 1) - 1] + (node.end_col_offset or 0)

    def text(self, node: ast.AST) -> str:
        return self.source.slice(self.start(node), self.end(node))

    def rewritten(self, node: ast.AST, instead: Mapping[ast.AST, str]) -> str:
        """The node's text with other text in the place of some nodes inside it."""
        data, start, last = b"", self.start(node), self.start(node)
        for part in sorted(instead, key=self.start):
            data += self.source.data[last : self.start(part)] + instead[part].encode("utf-8")
            last = self.end(part)
        return (data + self.source.data[last : self.end(node)]).decode("utf-8") if last >= start else ""

    def unparsed(self, node: ast.AST) -> str:
        """The text without what doesn't matter (blanks, quotes), so that equal expressions have equal texts."""
        if node not in self._unparsed:
            self._unparsed[node] = ast.unparse(node)
        return self._unparsed[node]

    def put(self, node: ast.AST, text: str) -> Splice:
        return Splice(self.source.path, self.start(node), self.end(node), text)

    def closed(self, node: ast.expr) -> str:
        """The text of an expression, in brackets where it might fall apart elsewhere."""
        text = self.text(node)
        wrapped = isinstance(node, ast.GeneratorExp) or (isinstance(node, ast.Tuple) and text.startswith("("))
        return text if wrapped or (isinstance(node, _ATOMS) and "\n" not in text) else f"({text})"

    # -- statements ----------------------------------------------------------------------------

    @cached_property
    def blocks(self) -> dict[ast.stmt, Block]:
        """Every statement's place. A new statement can stand before each of these: an `elif` is none of them."""
        found: dict[ast.stmt, Block] = {}
        for node in ast.walk(self.module):
            for name in ("body", "orelse", "finalbody"):
                block = getattr(node, name, None)
                if isinstance(block, list) and not self._is_elif(node, name, block):
                    found.update({statement: (block, i) for i, statement in enumerate(block)})
        return found

    def _is_elif(self, node: ast.AST, name: str, block: Sequence[ast.stmt]) -> bool:
        """Its place reads `elif`, so no statement fits before it."""
        if not (isinstance(node, ast.If) and name == "orelse" and len(block) == 1 and isinstance(block[0], ast.If)):
            return False
        return self.text(block[0]).startswith("elif")

    def before(self, statement: ast.stmt, lines: Iterable[str]) -> Splice | None:
        """New statements before this one; None where it doesn't begin its line."""
        start = self.start(statement)
        indent = self.source.indent(start)
        if statement not in self.blocks or indent is None:
            return None
        return Splice(self.source.path, start, start, "".join(f"{line}\n{indent}" for line in lines))

    def drop(self, statement: ast.stmt) -> Splice | None:
        """Takes a statement away with its lines; None where it shares them, or is alone in its block."""
        lines = self.source.lines(self.start(statement), self.end(statement))
        block = self.blocks.get(statement)
        return None if lines is None or block is None or len(block[0]) < 2 else Splice(self.source.path, *lines, "")

    def statement(self, node: ast.AST) -> ast.stmt:
        """The innermost statement around a node."""
        while not isinstance(node, ast.stmt):
            node = self.parents[node]
        return node

    def top(self, node: ast.AST) -> ast.stmt:
        """The statement of the module around a node."""
        while not isinstance(self.parents[node], ast.Module):
            node = self.parents[node]
        assert isinstance(node, ast.stmt)
        return node

    # -- functions and loops -------------------------------------------------------------------

    @cached_property
    def functions(self) -> tuple[FunctionNode, ...]:
        return tuple(n for n in ast.walk(self.module) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))

    @cached_property
    def function_names(self) -> frozenset[str]:
        """Of functions and classes, whose call may run code of this file."""
        classes = {n.name for n in ast.walk(self.module) if isinstance(n, ast.ClassDef)}
        return frozenset(classes | {f.name for f in self.functions})

    def parameters_read(self, name: str) -> frozenset[int] | None:
        """Places of the arguments that the file's one function of that name never changes; None for any other name.

        It looks one call deep: what the function hands on counts as changed.
        """
        found = [f for f in self.functions if f.name == name]
        if len(found) != 1:
            return None
        if name not in self._parameters_read:
            names = [a.arg for a in [*found[0].args.posonlyargs, *found[0].args.args]]
            names = names[1:] if isinstance(self.parents[found[0]], ast.ClassDef) else names
            handed_on = {n for s in found[0].body for node in ast.walk(s) for n in self._handed_on(node)}
            self._parameters_read[name] = frozenset(i for i, n in enumerate(names) if n not in handed_on)
        return self._parameters_read[name]

    def _handed_on(self, node: ast.AST) -> Iterator[str]:
        """Names that a node passes to a call, calls a method of, or sets an item of."""
        if isinstance(node, ast.Call):
            yield from (n.id for n in node.args if isinstance(n, ast.Name))
        setting = isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load)
        calling = isinstance(node, ast.Attribute) and isinstance(self.parents[node], ast.Call)
        if setting or calling:
            yield from (n.id for n in ast.walk(node) if isinstance(n, ast.Name))

    def function(self, node: ast.AST) -> FunctionNode | None:
        """The innermost function around a node; None at the top, in a class's body, in a lambda."""
        at: ast.AST | None = self.parents.get(node)
        while at is not None and not isinstance(at, _SCOPES):
            at = self.parents.get(at)
        return at if isinstance(at, ast.FunctionDef | ast.AsyncFunctionDef) else None

    def loops(self) -> Iterator[ast.For | ast.While]:
        """Those inside functions."""
        for node in ast.walk(self.module):
            if isinstance(node, ast.For | ast.While) and self.function(node) is not None:
                yield node

    @cached_property
    def attributes_set(self) -> frozenset[str]:
        """Names of attributes that something sets after an object was made."""
        return frozenset(
            node.attr
            for node in ast.walk(self.module)
            if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load)
            if (function := self.function(node)) is None
            or function.name not in ("__init__", "__new__", "__post_init__")
        )

    @cached_property
    def properties(self) -> frozenset[str]:
        return frozenset(
            f.name for f in self.functions for d in f.decorator_list if re.search(r"property|setter", ast.unparse(d))
        )

    @cached_property
    def attributes_read(self) -> frozenset[str]:
        return frozenset(n.attr for n in ast.walk(self.module) if isinstance(n, ast.Attribute))

    @cached_property
    def top_names(self) -> frozenset[str]:
        """What the module defines at its top, and no function rebinds."""
        rebound = {n for node in ast.walk(self.module) if isinstance(node, ast.Global) for n in node.names}
        found: set[str] = set()
        for statement in self.module.body:
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found.add(statement.name)
            else:
                found |= stores([statement])
        return frozenset(found - rebound)

    def locals(self, function: FunctionNode) -> set[str]:
        """Parameters, and all that is bound anywhere inside."""
        if function not in self._locals:
            self._locals[function] = stores([function.args, *function.body])
        return self._locals[function]

    def read_elsewhere(self, loop: ast.stmt, name: str) -> bool:
        """May a read outside of the loop see what the loop has left in the name?"""
        function = self.function(loop)
        inside = set(ast.walk(loop))
        reads = loads([function], name) if function is not None else []
        return any(n not in inside and not self._set_between(loop, n, name) for n in reads)

    def _set_between(self, loop: ast.stmt, read: ast.AST, name: str) -> bool:
        """Is the name set on every way from the loop to the read? True only where the nesting shows it."""
        at = read
        while not isinstance(at, ast.FunctionDef | ast.AsyncFunctionDef):
            at = self.parents[at]
            if isinstance(at, _COMPREHENSIONS) and name in stores(g.target for g in at.generators):
                return True
            if not isinstance(at, ast.stmt) or at not in self.blocks:
                continue
            block, i = self.blocks[at]
            if isinstance(at, ast.For) and name in stores([at.target]) and read not in set(ast.walk(at.iter)):
                return not self._holds([at], loop)
            for j in range(i - 1, -1, -1):
                one = block[j]
                if isinstance(one, ast.Assign) and any(dotted(t) == name for t in one.targets):
                    return not self._holds(block[j + 1 : i + 1], loop)
        return False

    def _holds(self, statements: Sequence[ast.stmt], inner: ast.AST) -> bool:
        at: ast.AST | None = inner
        while at is not None and at not in statements:
            at = self.parents.get(at)
        return at is not None

    def fresh(self, wish: str) -> str:
        """A name that the file has not."""
        name, n = wish, 1
        while name in self.words:
            n += 1
            name = f"{wish}_{n}"
        return name

    @cached_property
    def words(self) -> frozenset[str]:
        return frozenset(re.findall(r"\w+", self.source.text)) | {"None", "True", "False"}


@lru_cache(maxsize=64)
def code_of(source: Source) -> Code | None:
    """None for another language, and for old line ends, which Python and we count differently."""
    module = source.module
    return None if module is None or "\r" in source.text or "\f" in source.text else Code(source, module)


def walk(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """What can be rewritten: not inside f-strings, whose pieces have no offsets before Python 3.12."""
    rest = list(nodes)
    while rest:
        node = rest.pop()
        yield node
        if not isinstance(node, ast.JoinedStr):
            rest.extend(ast.iter_child_nodes(node))


def stores(nodes: Iterable[ast.AST]) -> set[str]:
    """Every name that is bound or unbound anywhere inside, nested functions too."""
    found: set[str] = set()
    for node in (n for start in nodes for n in ast.walk(start)):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            found.update(node.names)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            found.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            found.add(node.rest)
    return found


def loads(nodes: Iterable[ast.AST], name: str) -> list[ast.Name]:
    """Where a name is read."""
    return [
        n for start in nodes for n in ast.walk(start)
        if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load)
    ]  # fmt: skip


def dotted(node: ast.AST) -> str | None:
    """`a.b.c` of names and attributes alone; None for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    inner = dotted(node.value) if isinstance(node, ast.Attribute) else None
    return None if inner is None else f"{inner}.{node.attr}"  # type: ignore[attr-defined]


def same(one: ast.AST, two: ast.AST) -> bool:
    return ast.dump(one) == ast.dump(two)
