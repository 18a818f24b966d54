"""What other edits leave behind: names that only stand for other names, and values that nobody reads."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from evolve.mutators.genetic.edits import Edit, Site, quote
from evolve.mutators.genetic.python.code import Code, FunctionNode, walk
from evolve.mutators.genetic.python.stable import Region

__all__ = ["tidy"]


def tidy(code: Code) -> Iterator[Site]:
    for function in code.functions:
        for statement in walk(function.body):
            if not isinstance(statement, ast.Assign) or code.function(statement) is not function:
                continue
            target = statement.targets[0]
            if len(statement.targets) != 1 or not isinstance(target, ast.Name) or _is_shared(function, target.id):
                continue
            uses = [n for n in ast.walk(function) if isinstance(n, ast.Name) and n.id == target.id]
            reads = [n for n in uses if isinstance(n.ctx, ast.Load)]
            if not reads and _is_quiet(code, statement.value):
                yield Site(code.source, code.start(statement), partial(_dropped, code, statement))
            elif len(uses) == len(reads) + 1 and _stands_for(code, function, statement, reads):
                yield Site(code.source, code.start(statement), partial(_replaced, code, statement, reads))


def _is_shared(function: FunctionNode, name: str) -> bool:
    """Does another scope see the name, so that its reads are not all in sight? Or is it a parameter?"""
    declared = {n for s in ast.walk(function) if isinstance(s, ast.Global | ast.Nonlocal) for n in s.names}
    return name in declared or name in {a.arg for a in ast.walk(function) if isinstance(a, ast.arg)}


def _is_quiet(code: Code, node: ast.expr) -> bool:
    region = Region(code, [node])
    calls = [n for n in ast.walk(node) if isinstance(n, ast.Call)]
    return all(region.is_pure(n.func) for n in calls) and not any(
        isinstance(n, ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr) for n in ast.walk(node)
    )


def _stands_for(code: Code, function: FunctionNode, statement: ast.Assign, reads: Sequence[ast.Name]) -> bool:
    """Is it `x = y`, where y is a parameter, or bound once before, and x is only read in what follows it?"""
    if not isinstance(statement.value, ast.Name) or statement not in code.blocks:
        return False
    name, (block, i) = statement.value.id, code.blocks[statement]
    names = [n for n in ast.walk(function) if isinstance(n, ast.Name) and n.id == name]
    bound = [n for n in names if not isinstance(n.ctx, ast.Load)]
    own = any(a.arg == name for a in ast.walk(function.args) if isinstance(a, ast.arg))
    before = all(code.start(n) < code.start(statement) for n in bound)
    following = {n for s in block[i + 1 :] for n in ast.walk(s)}
    once = len(bound) + own == 1 and before and following.issuperset(reads)
    return once and not _is_redefined(function, name)


def _is_redefined(function: FunctionNode, name: str) -> bool:
    """By something that is no plain name: a nested function, an exception, an import, another scope."""
    for node in (n for s in function.body for n in ast.walk(s)):
        names = [node.asname or node.name] if isinstance(node, ast.alias) else []
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.ExceptHandler | ast.MatchAs):
            names = [node.name or ""]
        elif isinstance(node, ast.Global | ast.Nonlocal):
            names = node.names
        elif isinstance(node, ast.arg):
            names = [node.arg]
        if name in names:
            return True
    return False


def _dropped(code: Code, statement: ast.Assign, rng: np.random.Generator) -> Edit | None:
    splice = code.drop(statement)
    return None if splice is None else Edit(f"drops {quote(code.text(statement))}, which nobody reads", (splice,))


def _replaced(code: Code, statement: ast.Assign, reads: Sequence[ast.Name], rng: np.random.Generator) -> Edit | None:
    splice = code.drop(statement)
    hidden = set(reads) - set(walk([code.top(statement)]))  # inside f-strings
    if splice is None or hidden:
        return None
    name = code.text(statement.value)
    return Edit(f"says {name} for {reads[0].id if reads else ''}", (splice, *(code.put(n, name) for n in reads)))
