"""Conditions asked in another order, and guards asked sooner."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from evolve.mutators.genetic.edits import Edit, Site, Splice, quote
from evolve.mutators.genetic.python.code import Code, loads, stores
from evolve.mutators.genetic.python.stable import Region

__all__ = ["early", "reorder", "table"]

_ENTRIES = 4  # branches from which on a look-up beats the chain; an assumption
_LEAVING = (ast.Return, ast.Continue, ast.Break, ast.Raise)


# -- a guard before the work it may spare ---------------------------------------------------------


def early(code: Code) -> Iterator[Site]:
    """`x = f(y)`, `if not y: continue`: the guard moves before what it doesn't need."""
    for guard, (block, i) in code.blocks.items():
        if not (isinstance(guard, ast.If) and i and _leaves(guard) and code.function(guard) is not None):
            continue
        first = i
        while first and _can_wait(code, block[first - 1], guard):
            first -= 1
        if first < i:
            yield Site(code.source, code.start(guard), partial(_moved_up, code, guard, block[first]))


def _leaves(guard: ast.If) -> bool:
    return not guard.orelse and len(guard.body) == 1 and isinstance(guard.body[0], _LEAVING)


def _can_wait(code: Code, work: ast.stmt, guard: ast.If) -> bool:
    """A plain assignment whose names neither the guard nor anything beyond it reads."""
    if not isinstance(work, ast.Assign) or not all(isinstance(t, ast.Name) for t in work.targets):
        return False
    if isinstance(work.value, ast.Await | ast.Yield | ast.YieldFrom) or not _is_quiet(code, work.value):
        return False
    function, (block, i) = code.function(work), code.blocks[work]
    following = {n for s in block[i + 1 :] for n in ast.walk(s)}
    for name in stores([work]):
        reads = loads([function], name) if function is not None else []
        if loads([guard], name) or any(read not in following for read in reads):
            return False
    return not stores([guard.test]) & {n.id for n in ast.walk(work.value) if isinstance(n, ast.Name)}


def _is_quiet(code: Code, node: ast.expr) -> bool:
    """Has it no effect but its value? Calls are trusted only where they are known."""
    region = Region(code, [node])
    return all(not isinstance(n, ast.Call) or region.is_pure(n.func) for n in ast.walk(node))


def _moved_up(code: Code, guard: ast.If, before: ast.stmt, rng: np.random.Generator) -> Edit | None:
    lines = code.source.lines(code.start(guard), code.end(guard))
    start = code.start(before)
    indent = code.source.indent(start)
    if lines is None or indent is None:
        return None
    text = f"{code.text(guard)}\n{indent}"
    splices = (Splice(code.source.path, start, start, text), Splice(code.source.path, *lines, ""))
    return Edit(f"asks {quote(code.text(guard.test))} before {quote(code.text(before))}", splices)


# -- branches of one chain change places ---------------------------------------------------------


def reorder(code: Code) -> Iterator[Site]:
    """A branch of an if-chain comes first, where no two of the tests before it can hold at once."""
    for chain in _chains(code):
        for i in range(1, len(chain)):
            if all(_apart(code, other.test, chain[i].test) for other in chain[:i]):
                yield Site(code.source, code.start(chain[i]), partial(_first, code, chain, i))


def _chains(code: Code) -> Iterator[list[ast.If]]:
    """if, elif, elif …, each with its body; or one `if` after another that all leave the block."""
    for head, (block, i) in code.blocks.items():
        if not isinstance(head, ast.If):
            continue
        chain = [head]
        while len(chain[-1].orelse) == 1 and isinstance(chain[-1].orelse[0], ast.If):
            following = chain[-1].orelse[0]
            if not code.text(following).startswith("elif"):
                break
            chain.append(following)
        for other in block[i + 1 :] if not head.orelse and isinstance(head.body[-1], _LEAVING) else ():
            if not isinstance(other, ast.If) or other.orelse or not isinstance(other.body[-1], _LEAVING):
                break
            chain.append(other)
        if len(chain) > 1:
            yield chain


def _apart(code: Code, one: ast.expr, two: ast.expr) -> bool:
    """Tests of one subject against different constants, or classes: one excludes the other."""
    (a, x), (b, y) = _subject(code, one), _subject(code, two)
    return a is not None and a == b and not set(x) & set(y)


def _subject(code: Code, test: ast.expr) -> tuple[str | None, list[str]]:
    """What is tested, and against which values; None where that cannot be read off."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or):
        parts = [_subject(code, value) for value in test.values]
        same = len({subject for subject, _ in parts}) == 1
        return (parts[0][0], [v for _, values in parts for v in values]) if same else (None, [])
    if isinstance(test, ast.Call) and code.text(test.func) == "isinstance" and len(test.args) == 2:
        classes = test.args[1].elts if isinstance(test.args[1], ast.Tuple) else [test.args[1]]
        return f"class of {code.text(test.args[0])}", [code.text(c) for c in classes]
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and _is_quiet(code, test.left):
        right = test.comparators[0]
        if isinstance(test.ops[0], ast.Eq | ast.Is) and isinstance(right, ast.Constant):
            return code.text(test.left), [repr(right.value)]
        among = right.elts if isinstance(right, ast.Tuple | ast.List | ast.Set) else []
        values = [repr(e.value) for e in among if isinstance(e, ast.Constant)]
        if isinstance(test.ops[0], ast.In) and values and len(values) == len(among):
            return code.text(test.left), values
    return None, []


def _first(code: Code, chain: Sequence[ast.If], i: int, rng: np.random.Generator) -> Edit | None:
    """The tests and bodies move, the keywords stay."""
    pieces = [(code.start(link.test), code.end(link.body[-1])) for link in chain[: i + 1]]
    texts = [code.source.slice(*piece) for piece in pieces]
    texts = [texts[i], *texts[:i]]
    splices = tuple(Splice(code.source.path, *piece, text) for piece, text in zip(pieces, texts, strict=True))
    return Edit(f"asks {quote(code.text(chain[i].test))} first", splices)


# -- a chain of constants becomes a look-up ------------------------------------------------------


def table(code: Code) -> Iterator[Site]:
    """`if x == 1: return "a"` / `elif x == 2: return "b"` …: a dictionary at the top of the module."""
    for chain in _chains(code):
        function = code.function(chain[0])
        subjects = [_subject(code, link.test) for link in chain]
        values = [link.body[0].value for link in chain if len(link.body) == 1 and isinstance(link.body[0], ast.Return)]
        constant = len(values) == len(chain) and all(isinstance(v, ast.Constant) for v in values)
        alike = len({subject for subject, _ in subjects}) == 1 and subjects[0][0] is not None
        if function is None or not constant or not alike or len(chain) < _ENTRIES:
            continue
        if not str(subjects[0][0]).startswith("class of "):
            yield Site(code.source, code.start(chain[0]), partial(_looked_up, code, chain, subjects))


def _looked_up(
    code: Code, chain: Sequence[ast.If], subjects: Sequence[tuple[str | None, list[str]]], rng: np.random.Generator
) -> Edit | None:
    subject = str(subjects[0][0])
    entries: dict[str, str] = {}
    for link, (_, keys) in zip(chain, subjects, strict=True):
        assert isinstance(link.body[0], ast.Return)
        assert link.body[0].value is not None
        for key in keys:
            entries.setdefault(key, code.text(link.body[0].value))
    start, end = code.start(chain[0]), code.end(chain[-1])
    indent = code.source.indent(start)
    name, found = code.fresh("_TABLE"), code.fresh("found")
    pairs = ", ".join(f"{key}: {value}" for key, value in entries.items())
    top = code.before(code.top(chain[0]), [f"{name} = {{{pairs}}}"])
    if top is None or indent is None or len({ast.literal_eval(key) for key in entries}) < len(entries):
        return None
    # The table stands for "not found": no value of it can be the table itself.
    lines = [f"{found} = {name}.get({subject}, {name})", f"if {found} is not {name}:", f"    return {found}"]
    text = f"\n{indent}".join(lines)
    if chain[-1].orelse:
        end = code.start(chain[-1].orelse[0])
        text += f"\n{indent}" + code.source.slice(code.source.data.rindex(b"else", 0, end), end)
    splice = Splice(code.source.path, start, end, text)
    return Edit(f"looks {quote(subject)} up in a table of {len(entries)}", (top, splice))
