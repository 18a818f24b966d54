"""Computed once instead of again and again: before a loop, at a function's start, before the first use."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeGuard

import numpy as np

from evolve.mutators.genetic.edits import Edit, Site, quote
from evolve.mutators.genetic.python.code import Code, dotted, walk
from evolve.mutators.genetic.python.stable import Region

__all__ = ["always", "cache_local", "hoist", "invariant", "reuse"]

_RUN = 12  # statements that one value may serve before it is computed again

Found = Mapping[str, Sequence[ast.expr]]
"""Equal expressions, by their text."""


def hoist(code: Code) -> Iterator[Site]:
    """Attributes that a loop looks up again and again (`out.append`, `self.width`), before the loop."""
    yield from _before_loops(code, _chains)


def invariant(code: Code) -> Iterator[Site]:
    """Arithmetic, items and lengths that a loop computes again and again, before the loop."""
    yield from _before_loops(code, _computed)


def cache_local(code: Code) -> Iterator[Site]:
    """Attributes that a function looks up more than once, at its start."""
    for function in code.functions:
        body = [s for s in function.body if not _documents(s)]
        ready = {a.arg for a in ast.walk(function.args) if isinstance(a, ast.arg)} | code.top_names
        found = _chains(body, Region(code, body))
        often = {text: n for text, n in found.items() if len(n) > 1 and text.split(".")[0] in ready}
        for group in _groups(often):
            edit = partial(_bound, code, body[0], group, f"at the start of {function.name}")
            yield Site(code.source, code.start(body[0]), edit)


def reuse(code: Code) -> Iterator[Site]:
    """A value that a few lines compute more than once, before the first of them."""
    for statement, (block, i) in code.blocks.items():
        if code.function(statement) is None:
            continue
        run = block[i : i + _RUN]
        often = _texts(code, run)
        for text in dict.fromkeys(text for node in always(statement) if (text := often.get(node)) is not None):
            nodes = _served(code, run, text, often)
            if len(nodes) > 1:
                edit = partial(_bound, code, statement, {text: nodes}, f"for {len(nodes)} uses")
                yield Site(code.source, code.start(statement), edit)


# -- where -------------------------------------------------------------------------------------


def _before_loops(code: Code, look: Callable[[Sequence[ast.AST], Region], Found]) -> Iterator[Site]:
    for node in ast.walk(code.module):
        inside = _repeated(node)
        if not inside or code.function(node) is None:
            continue
        statement = code.statement(node)
        for group in _groups(look(inside, Region(code, inside))):
            edit = partial(_bound, code, statement, group, "before the loop")
            yield Site(code.source, code.start(node), edit)


def _repeated(node: ast.AST) -> list[ast.AST]:
    """What a loop or a comprehension does again and again; empty for anything else."""
    if isinstance(node, ast.For):
        return [node.target, *node.body]
    if isinstance(node, ast.While):
        return [node.test, *node.body]
    if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
        results: list[ast.AST] = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        first, *others = node.generators
        return [*results, first.target, *first.ifs, *others]
    return []


def _groups(found: Found) -> Iterator[Found]:
    """Each alone, and all together: many small gains are easier to tell from noise at once."""
    if len(found) > 1:
        yield found
    for text, nodes in found.items():
        yield {text: nodes}


def always(statement: ast.stmt) -> Iterator[ast.AST]:
    """Expressions that are evaluated whenever the statement is reached, and once."""
    rest: list[ast.AST] = list(_heads(statement))
    while rest:
        node = rest.pop(0)
        yield node
        if isinstance(node, ast.BoolOp):
            rest.append(node.values[0])
        elif isinstance(node, ast.IfExp):
            rest.append(node.test)
        elif isinstance(node, ast.Compare):
            rest += [node.left, node.comparators[0]]
        elif not isinstance(node, ast.Lambda | ast.JoinedStr) and not _repeated(node):
            rest += ast.iter_child_nodes(node)


def _heads(statement: ast.stmt) -> list[ast.expr]:
    """A statement's own expressions, without those of statements inside, and without plain targets."""
    if isinstance(statement, ast.While | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Match):
        return []
    return [
        node for node in ast.iter_child_nodes(statement)
        if isinstance(node, ast.expr) and not (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    ]  # fmt: skip


# -- what --------------------------------------------------------------------------------------


def _chains(nodes: Sequence[ast.AST], region: Region) -> Found:
    """The longest dotted names that keep their value."""
    found: dict[str, list[ast.expr]] = {}
    rest: list[ast.AST] = list(nodes)
    while rest:
        node = rest.pop(0)
        if isinstance(node, ast.JoinedStr):
            continue
        if isinstance(node, ast.Attribute) and dotted(node) is not None:
            at: ast.expr = node
            while isinstance(at, ast.Attribute) and not (isinstance(at.ctx, ast.Load) and region.keeps(at)):
                at = at.value
            if isinstance(at, ast.Attribute):
                found.setdefault(ast.unparse(at), []).append(at)
        else:
            rest += ast.iter_child_nodes(node)
    return found


def _computed(nodes: Sequence[ast.AST], region: Region) -> Found:
    """The largest expressions that keep their value and take some work."""
    found: dict[str, list[ast.expr]] = {}
    rest: list[ast.AST] = list(nodes)
    while rest:
        node = rest.pop(0)
        if isinstance(node, ast.JoinedStr):
            continue
        if _works(node) and region.keeps(node):
            found.setdefault(ast.unparse(node), []).append(node)
        else:
            rest += ast.iter_child_nodes(node)
    return found


def _works(node: ast.AST) -> TypeGuard[ast.expr]:
    """Is it an expression that costs something, and no constant?"""
    if isinstance(node, ast.Subscript):
        return isinstance(node.ctx, ast.Load)
    return isinstance(node, ast.BinOp | ast.Call) and any(isinstance(n, ast.Name) for n in ast.walk(node))


def _texts(code: Code, run: Sequence[ast.stmt]) -> dict[ast.AST, str]:
    """The texts of what occurs more than once."""
    found: dict[str, list[ast.AST]] = {}
    for node in walk(run):
        if _works(node) or (isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)):
            found.setdefault(code.unparsed(node), []).append(node)
    return {node: text for text, nodes in found.items() if len(nodes) > 1 for node in nodes}


def _served(code: Code, run: Sequence[ast.stmt], text: str, texts: Mapping[ast.AST, str]) -> list[ast.expr]:
    """The uses that one value, computed before the run, can serve."""
    found: list[ast.expr] = []
    done: list[ast.AST] = []
    for statement in run:
        heads = _heads(statement)
        here = [n for n in walk(heads) if isinstance(n, ast.expr) and texts.get(n) == text]
        whole = [n for n in walk([statement]) if isinstance(n, ast.expr) and texts.get(n) == text]
        one = next(iter(whole or found), None)
        if one is not None and Region(code, [*done, statement]).keeps(one):
            found += whole
        elif one is not None:
            # Values come before targets: what a statement binds changes only what follows it.
            return found + here if Region(code, [*done, *heads]).keeps(one) else found
        done.append(statement)
    return found


def _bound(code: Code, statement: ast.stmt, group: Found, where: str, rng: np.random.Generator) -> Edit | None:
    lines, splices = [], []
    taken: set[str] = set()
    for text, nodes in group.items():
        name = _name(code, nodes[0], taken)
        taken.add(name)
        lines.append(f"{name} = {code.closed(nodes[0])}" if "\n" in code.text(nodes[0]) else f"{name} = {text}")
        splices += [code.put(node, name) for node in nodes]
    before = code.before(statement, lines)
    if before is None:
        return None
    return Edit(f"binds {', '.join(map(quote, group))} {where}", (before, *splices))


def _name(code: Code, node: ast.expr, taken: set[str]) -> str:
    words = re.findall(r"[A-Za-z]\w*", ast.unparse(node))
    name = wish = code.fresh("_".join(dict.fromkeys(words))[:30].strip("_").lower() or "value")
    n = 1
    while name in taken:
        n += 1
        name = code.fresh(f"{wish}_{n}")
    return name


def _documents(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
