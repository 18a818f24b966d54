"""Loops written as what they do: a range, the items themselves, a comprehension, one join, or no loop at all."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from evolve.mutators.genetic.edits import Edit, Site, Splice, quote
from evolve.mutators.genetic.python.code import Code, dotted, loads, stores, walk
from evolve.mutators.genetic.python.stable import Region

__all__ = ["comprehension", "count", "items", "join", "unroll"]

_UNROLL = 4  # turns at most: more text than that is rarely worth its look-ups
_STEPS = {(ast.Add, ast.Lt): "", (ast.Add, ast.LtE): " + 1", (ast.Sub, ast.Gt): "", (ast.Sub, ast.GtE): " - 1"}


# -- while i < n: …; i += 1  ->  for i in range(i, n): … ------------------------------------------


def count(code: Code) -> Iterator[Site]:
    for loop in code.loops():
        header = _range(code, loop) if isinstance(loop, ast.While) else None
        if isinstance(loop, ast.While) and header is not None:
            yield Site(code.source, code.start(loop), partial(_counted, code, loop, header))


def _range(code: Code, loop: ast.While) -> str | None:
    """The loop's header as a `for`; None where it is no count, or its counter is read afterwards."""
    test, step, function = loop.test, loop.body[-1], code.function(loop)
    if not (isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.left, ast.Name)):
        return None
    if not (isinstance(step, ast.AugAssign) and isinstance(step.target, ast.Name) and len(loop.body) > 1):
        return None
    name, by = step.target.id, step.value
    tail = _STEPS.get((type(step.op), type(test.ops[0])))
    if tail is None or test.left.id != name or not (isinstance(by, ast.Constant) and isinstance(by.value, int)):
        return None
    rest = loop.body[:-1]
    if by.value < 1 or loop.orelse or name in stores(rest) or _leaps(rest, ast.Continue) or function is None:
        return None
    if not Region(code, loop.body).keeps(test.comparators[0]) or code.read_elsewhere(loop, name):
        return None
    stride = by.value if isinstance(step.op, ast.Add) else -by.value
    end = f"{code.closed(test.comparators[0])}{tail}"
    return f"for {name} in range({name}, {end}{'' if stride == 1 else f', {stride}'}):"


def _counted(code: Code, loop: ast.While, header: str, rng: np.random.Generator) -> Edit | None:
    last = code.drop(loop.body[-1])
    if last is None:
        return None
    colon = code.source.data.index(b":", code.end(loop.test))
    head = Splice(code.source.path, code.start(loop), colon + 1, header)
    return Edit(f"counts by {quote(header)}", (head, last))


# -- for i in range(len(x)): … x[i] …  ->  for item in x: … item … --------------------------------


def items(code: Code) -> Iterator[Site]:
    for loop in code.loops():
        if not isinstance(loop, ast.For) or not isinstance(loop.target, ast.Name):
            continue
        over = _length_of(loop.iter)
        uses = _items_of(loop, over) if over is not None and _is_only_read(code, loop, over) else []
        if over is not None and uses:
            yield Site(code.source, code.start(loop), partial(_itemised, code, loop, over, uses))


def _length_of(node: ast.expr) -> ast.expr | None:
    """x of `range(len(x))`."""
    for name in ("range", "len"):
        if not (isinstance(node, ast.Call) and dotted(node.func) == name and len(node.args) == 1 and not node.keywords):
            return None
        node = node.args[0]
    return node if dotted(node) is not None else None


def _items_of(loop: ast.For, over: ast.expr) -> list[ast.expr]:
    assert isinstance(loop.target, ast.Name)
    wanted = f"{ast.unparse(over)}[{loop.target.id}]"
    return [n for n in walk(loop.body) if isinstance(n, ast.Subscript) and ast.unparse(n) == wanted]


def _is_only_read(code: Code, loop: ast.For, over: ast.expr) -> bool:
    assert isinstance(loop.target, ast.Name)
    region = Region(code, loop.body)
    return loop.target.id not in region.stored and region.keeps_content(over)


def _itemised(
    code: Code, loop: ast.For, over: ast.expr, uses: Sequence[ast.expr], rng: np.random.Generator
) -> Edit | None:
    assert isinstance(loop.target, ast.Name)
    index, item = loop.target.id, code.fresh("item")
    function = code.function(loop)
    every = loads([function], index) if function is not None else []
    alone = len(every) == len(uses)
    target, seen = (item, code.text(over)) if alone else (f"{index}, {item}", f"enumerate({code.text(over)})")
    splices = [code.put(use, item) for use in uses]
    splices += [code.put(loop.target, target), code.put(loop.iter, seen)]
    return Edit(f"goes over {quote(seen)} instead of its indices", tuple(splices))


# -- for x in xs: out.append(f(x))  ->  out.extend([f(x) for x in xs]) ----------------------------


def comprehension(code: Code) -> Iterator[Site]:
    for loop in code.loops():
        if isinstance(loop, ast.For) and not loop.orelse and loop in code.blocks:
            tests, call = _appends(loop.body)
            if call is not None and _fits_in_brackets(code, loop, [*tests, call]):
                yield Site(code.source, code.start(loop), partial(_comprehended, code, loop, tests, call))


def _appends(body: Sequence[ast.stmt]) -> tuple[list[ast.expr], ast.Call | None]:
    """The conditions, and the one call that a loop comes down to."""
    tests: list[ast.expr] = []
    while len(body) == 1 and isinstance(body[0], ast.If) and not body[0].orelse:
        tests.append(body[0].test)
        body = body[0].body
    call = body[0].value if len(body) == 1 and isinstance(body[0], ast.Expr) else None
    if not (
        isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in ("append", "add")
    ):
        return tests, None
    fits = len(call.args) == 1 and not call.keywords and dotted(call.func.value) is not None
    return tests, call if fits else None


def _fits_in_brackets(code: Code, loop: ast.For, parts: Sequence[ast.expr]) -> bool:
    """Names bound by the loop are gone after a comprehension, and what it fills must not be read meanwhile."""
    call = parts[-1]
    assert isinstance(call, ast.Call)
    assert isinstance(call.func, ast.Attribute)
    filled = dotted(call.func.value)
    if any(code.read_elsewhere(loop, name) for name in stores([loop.target])):
        return False
    if any(isinstance(n, ast.Yield | ast.YieldFrom | ast.Await | ast.NamedExpr) for p in parts for n in ast.walk(p)):
        return False
    seen = [*parts[:-1], *call.args, loop.iter]
    return not any(dotted(n) == filled for part in seen for n in ast.walk(part))


def _comprehended(
    code: Code, loop: ast.For, tests: Sequence[ast.expr], call: ast.Call, rng: np.random.Generator
) -> Edit | None:
    assert isinstance(call.func, ast.Attribute)
    result = code.closed(call.args[0]) if isinstance(call.args[0], ast.Tuple) else code.text(call.args[0])
    conditions = "".join(f" if {code.closed(test)}" for test in tests)
    inner = f"{result} for {code.text(loop.target)} in {code.closed(loop.iter)}{conditions}"
    filled, (block, i) = code.text(call.func.value), code.blocks[loop]
    made = block[i - 1] if i else None
    empty = isinstance(made, ast.Assign) and code.text(made) in (f"{filled} = []", f"{filled} = list()")
    if empty and made is not None and call.func.attr == "append":
        text, start = f"{filled} = [{inner}]", code.start(made)
    else:
        text = f"{filled}.{'extend' if call.func.attr == 'append' else 'update'}([{inner}])"
        start = code.start(loop)
    return Edit(f"fills {filled} by a comprehension", (Splice(code.source.path, start, code.end(loop), text),))


# -- text += piece, in a loop  ->  pieces.append(piece), and one join after it ---------------------


def join(code: Code) -> Iterator[Site]:
    for statement, (block, i) in code.blocks.items():
        name = _text_begun(statement)
        later = [s for s in block[i + 1 :] if isinstance(s, ast.For | ast.While)]
        if name is None or code.function(statement) is None or not later:
            continue
        loop = later[0]
        between = block[i + 1 : block.index(loop)]
        added = [n for n in ast.walk(loop) if isinstance(n, ast.AugAssign) and dotted(n.target) == name]
        touched = [n for s in [*between, loop] for n in ast.walk(s) if isinstance(n, ast.Name) and n.id == name]
        if added and len(touched) == len(added) and all(isinstance(a.op, ast.Add) for a in added) and not loop.orelse:
            yield Site(code.source, code.start(loop), partial(_joined, code, name, loop, added))


def _text_begun(statement: ast.stmt) -> str | None:
    if not (isinstance(statement, ast.Assign) and len(statement.targets) == 1):
        return None
    target, value = statement.targets[0], statement.value
    text = isinstance(value, ast.Constant) and isinstance(value.value, str)
    return target.id if text and isinstance(target, ast.Name) else None


def _joined(
    code: Code, name: str, loop: ast.stmt, added: Sequence[ast.AugAssign], rng: np.random.Generator
) -> Edit | None:
    pieces = code.fresh(f"{name}_pieces")
    first = code.before(loop, [f"{pieces} = [{name}]"])
    lines = code.source.lines(code.start(loop), code.end(loop))
    if first is None or lines is None:
        return None
    indent = code.source.indent(code.start(loop))
    last = Splice(code.source.path, lines[1], lines[1], f'{indent}{name} = "".join({pieces})\n')
    if not code.source.data[: lines[1]].endswith(b"\n"):
        return None
    inner = [code.put(a, f"{pieces}.append({code.text(a.value)})") for a in added]
    return Edit(f"gathers the pieces of {name} and joins them once", (first, *inner, last))


# -- for c in (0, 1, 2): …  ->  the body, three times ---------------------------------------------


def unroll(code: Code) -> Iterator[Site]:
    for loop in code.loops():
        if not isinstance(loop, ast.For) or not isinstance(loop.target, ast.Name) or loop.orelse:
            continue
        turns = _turns(code, loop.iter)
        if turns and not _leaps(loop.body, ast.Continue, ast.Break) and loop in code.blocks:
            yield Site(code.source, code.start(loop), partial(_unrolled, code, loop, turns))


def _turns(code: Code, over: ast.expr) -> list[str]:
    """The values of a short loop, as text; empty where they are not all in sight."""
    if isinstance(over, ast.Call) and dotted(over.func) == "range" and not over.keywords:
        bounds = [a.value for a in over.args if isinstance(a, ast.Constant) and isinstance(a.value, int)]
        if 1 <= len(bounds) == len(over.args) <= 2 and len(values := range(*bounds)) <= _UNROLL:
            return [str(value) for value in values]
    listed = over.elts if isinstance(over, ast.Tuple | ast.List) and len(over.elts) <= _UNROLL else []
    return [code.text(e) for e in listed] if all(isinstance(e, ast.Constant | ast.Name) for e in listed) else []


def _unrolled(code: Code, loop: ast.For, turns: Sequence[str], rng: np.random.Generator) -> Edit | None:
    assert isinstance(loop.target, ast.Name)
    name = loop.target.id
    uses = [n for n in walk(loop.body) if isinstance(n, ast.Name) and n.id == name]
    changed = stores(loop.body)
    # An f-string hides its names; a name that the body binds is no constant; a value read later must be there.
    hidden = len(loads(loop.body, name)) != len(uses)
    if hidden or name in changed or changed & set(turns) or code.read_elsewhere(loop, name):
        return None
    start, indent = code.start(loop.body[0]), code.source.indent(code.start(loop))
    deeper = code.source.indent(start)
    if (
        indent is None
        or deeper is None
        or any(code.start(s) and code.source.indent(code.start(s)) is None for s in loop.body)
    ):
        return None
    rows = range(loop.body[0].lineno, (loop.body[-1].end_lineno or 0))
    if any(row in code.source.literal_rows for row in rows):
        return None
    end = code.end(loop.body[-1])
    bodies = []
    for turn in turns:
        text, last = "", start
        for use in sorted(uses, key=code.start):
            text += code.source.slice(last, code.start(use)) + turn
            last = code.end(use)
        bodies.append((text + code.source.slice(last, end)).replace(f"\n{deeper}", f"\n{indent}"))
    text = f"\n{indent}".join(bodies)
    return Edit(f"unrolls the {len(turns)} turns of {name}", (Splice(code.source.path, code.start(loop), end, text),))


def _leaps(body: Sequence[ast.AST], *kinds: type[ast.stmt]) -> bool:
    """Is there a `continue` (or `break`) of this very loop?"""
    for node in body:
        if isinstance(node, kinds):
            return True
        if isinstance(node, ast.For | ast.While):
            inner: Sequence[ast.AST] = node.orelse
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.expr):
            inner = ()
        else:
            inner = list(ast.iter_child_nodes(node))
        if _leaps(inner, *kinds):
            return True
    return False
