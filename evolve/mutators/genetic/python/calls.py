"""Calls that are spared: a helper's body in its place, a comparison for `min` and `max`, an answer remembered."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from evolve.mutators.genetic.edits import Edit, Site, Splice, quote
from evolve.mutators.genetic.python.code import Code, FunctionNode, dotted, loads, stores, walk
from evolve.mutators.genetic.python.hoist import always
from evolve.mutators.genetic.python.stable import Region

__all__ = ["inline", "minmax", "remember"]

_SMALL = 8  # nodes of an argument that may be evaluated more than once
_LONGEST = 12  # statements of a helper that is put in the place of its call
_KEPT = 4096  # answers that a function remembers; an assumption, in memory's favour
_IMPURE = frozenset(["input", "iter", "next", "open", "print", "setattr", "random", "time", "shuffle", "choice", "now"])


@dataclass(frozen=True)
class _Helper:
    """A function that only computes. `steps`: assignments; `results`: its conditions and values, the last without."""

    node: FunctionNode
    parameters: tuple[str, ...]
    steps: tuple[ast.stmt, ...]
    results: tuple[tuple[ast.expr | None, ast.expr], ...]

    @property
    def nodes(self) -> list[ast.AST]:
        return [*self.steps, *(n for result in self.results for n in result if n is not None)]


# -- a helper's body in the place of its call -----------------------------------------------------


def inline(code: Code) -> Iterator[Site]:
    helpers = _helpers(code)
    for node in walk([code.module]):
        if not isinstance(node, ast.Call) or node.keywords:
            continue
        helper, arguments = _called(code, node, helpers)
        function = code.function(node)
        if helper is None or function is None or function is helper.node or len(arguments) != len(helper.parameters):
            continue
        if not any(isinstance(a, ast.Starred) for a in arguments) and _means_the_same(code, helper, function):
            yield Site(code.source, code.start(node), partial(_inlined, code, node, helper, arguments))


def _helpers(code: Code) -> dict[str, _Helper]:
    """By name; those whose name stands for one function of the file only."""
    found: dict[str, list[_Helper | None]] = {}
    for function in code.functions:
        found.setdefault(function.name, []).append(_helper(code, function))
    return {name: some[0] for name, some in found.items() if len(some) == 1 and some[0] is not None}


def _helper(code: Code, function: FunctionNode) -> _Helper | None:
    given = function.args
    simple = not (given.vararg or given.kwarg or given.kwonlyargs or given.defaults or function.decorator_list)
    body = [s for s in function.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
    if not simple or isinstance(function, ast.AsyncFunctionDef) or not isinstance(code.parents[function], _HOMES):
        return None
    steps = []
    while body and isinstance(body[0], ast.Assign | ast.AugAssign) and _binds_names(body[0]):
        steps.append(body.pop(0))
    results = _results(body)
    opaque = (ast.JoinedStr, ast.Lambda, ast.Yield, ast.YieldFrom, ast.Await, ast.NamedExpr)
    if not results or len(steps) > _LONGEST or any(isinstance(n, opaque) for s in function.body for n in ast.walk(s)):
        return None
    names = tuple(a.arg for a in [*given.posonlyargs, *given.args])
    return _Helper(function, names, tuple(steps), tuple(results))


_HOMES = (ast.Module, ast.ClassDef)


def _binds_names(statement: ast.stmt) -> bool:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]  # type: ignore[attr-defined]
    flat = [e for t in targets for e in (t.elts if isinstance(t, ast.Tuple) else [t])]
    return all(isinstance(t, ast.Name) for t in flat)


def _results(body: Sequence[ast.stmt]) -> list[tuple[ast.expr | None, ast.expr]]:
    """`if a: return b` … `return c`, as pairs; empty for anything else."""
    found: list[tuple[ast.expr | None, ast.expr]] = []
    rest = list(body)
    while rest:
        one = rest.pop(0)
        if isinstance(one, ast.Return) and one.value is not None:
            return [*found, (None, one.value)]
        if not isinstance(one, ast.If) or len(one.body) != 1:
            return []
        only = one.body[0]
        if not isinstance(only, ast.Return) or only.value is None:
            return []
        found.append((one.test, only.value))
        rest = list(one.orelse) or rest
    return []


def _called(code: Code, call: ast.Call, helpers: Mapping[str, _Helper]) -> tuple[_Helper | None, list[ast.expr]]:
    """The helper that a call means, and its arguments, the object of a method first."""
    meant = _meant(code, call)
    if isinstance(meant, ast.Name):
        helper = helpers.get(meant.id)
        at_top = helper is not None and isinstance(code.parents[helper.node], ast.Module)
        return (helper if at_top else None), list(call.args)
    if isinstance(meant, ast.Attribute) and dotted(meant.value) is not None:
        helper = helpers.get(meant.attr)
        method = helper is not None and isinstance(code.parents[helper.node], ast.ClassDef)
        return (helper if method and not _is_builtin(meant.attr) else None), [meant.value, *call.args]
    return None, []


def _meant(code: Code, call: ast.Call) -> ast.expr | None:
    """What is called: a local name that is bound once, to an attribute or a name, means that."""
    function = code.function(call)
    if not isinstance(call.func, ast.Name) or function is None or call.func.id not in code.locals(function):
        return call.func
    name = call.func.id
    bound = [s for s in ast.walk(function) if isinstance(s, ast.Assign) and name in stores([s])]
    others = len([n for n in ast.walk(function) if isinstance(n, ast.Name) and n.id == name and not _is_load(n)])
    if len(bound) != 1 or others != 1 or any(a.arg == name for a in ast.walk(function) if isinstance(a, ast.arg)):
        return None
    value = bound[0].value
    root = (dotted(value) or "").split(".")[0]
    # Whoever the name stands for must still be who it was.
    again = [n for n in ast.walk(function) if isinstance(n, ast.Name) and n.id == root and not _is_load(n)]
    return value if root and not again and isinstance(value, ast.Name | ast.Attribute) else None


def _is_load(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Load)


def _is_builtin(name: str) -> bool:
    """A method of that name may be a string's or a list's."""
    return any(hasattr(kind, name) for kind in (str, bytes, list, dict, set, int, float))


def _means_the_same(code: Code, helper: _Helper, function: FunctionNode) -> bool:
    """Do the helper's other names mean the same in the function? And does it not call itself?"""
    own = code.locals(helper.node)
    other = {n.id for start in helper.nodes for n in ast.walk(start) if isinstance(n, ast.Name)} - own
    known = code.top_names | set(dir(builtins))
    itself = any(isinstance(n, ast.Attribute) and n.attr == helper.node.name for s in helper.nodes for n in ast.walk(s))
    return other <= known and not other & code.locals(function) and helper.node.name not in other and not itself


def _inlined(
    code: Code, call: ast.Call, helper: _Helper, arguments: Sequence[ast.expr], rng: np.random.Generator
) -> Edit | None:
    bound = stores(helper.steps)
    names: dict[str, str] = {}
    lines = []
    for name, argument in zip(helper.parameters, arguments, strict=True):
        uses = len([n for start in helper.nodes for n in loads([start], name)])
        if name not in bound and _may_stand(code, argument, uses):
            names[name] = code.closed(argument)
        else:
            names[name] = code.fresh(f"{helper.node.name}_{name}")
            lines.append(f"{names[name]} = {code.closed(argument)}")
    for name in sorted(code.locals(helper.node) - set(names)):
        names[name] = code.fresh(f"{helper.node.name}_{name}")
    lines += [_renamed(code, step, names) for step in helper.steps]
    *conditional, (_, last) = helper.results
    text = "".join(
        f"{_bracketed(code, value, names)} if {_bracketed(code, test, names)} else "
        for test, value in conditional
        if test is not None
    )
    text += _bracketed(code, last, names)
    splices = [code.put(call, f"({text})" if conditional else text)]
    if lines:
        statement = code.statement(call)
        before = code.before(statement, lines) if call in set(always(statement)) else None
        if before is None:
            return None
        splices.append(before)
    return Edit(f"puts the body of {helper.node.name} in the place of {quote(code.text(call))}", tuple(splices))


def _may_stand(code: Code, argument: ast.expr, uses: int) -> bool:
    """May the argument itself stand wherever the parameter does?"""
    quiet = not any(isinstance(n, ast.Call | ast.NamedExpr | ast.Await | ast.Yield) for n in ast.walk(argument))
    return quiet and (uses <= 1 or len(list(ast.walk(argument))) <= _SMALL)


def _renamed(code: Code, node: ast.AST, names: Mapping[str, str]) -> str:
    found = [n for n in walk([node]) if isinstance(n, ast.Name) and n.id in names]
    return code.rewritten(node, {n: names[n.id] for n in found})


def _bracketed(code: Code, node: ast.expr, names: Mapping[str, str]) -> str:
    return f"({_renamed(code, node, names)})"


# -- min and max --------------------------------------------------------------------------------


def minmax(code: Code) -> Iterator[Site]:
    """`min(a, b)` and `max(a, b)` as a comparison: no call, no tuple of arguments."""
    for node in walk([code.module]):
        if isinstance(node, ast.Call) and _is_of_two(code, node) and code.function(node) is not None:
            yield Site(code.source, code.start(node), partial(_compared, code, node))


def _is_of_two(code: Code, node: ast.Call) -> bool:
    known = dotted(node.func) in ("min", "max") and not node.keywords and len(node.args) == 2
    return known and not any(isinstance(a, ast.Starred) for a in node.args) and Region(code, [node]).is_pure(node.func)


def _compared(code: Code, call: ast.Call, rng: np.random.Generator) -> Edit | None:
    text = _comparison(code, call, set())
    return None if text is None else Edit(f"compares instead of {quote(code.text(call))}", (code.put(call, text),))


def _comparison(code: Code, call: ast.Call, taken: set[str]) -> str | None:
    """Ties give the first argument, as the call does. An argument with work in it gets a name where it is tested."""
    tests, values = [], []
    for argument in reversed(call.args):  # the second is tested first
        nested = isinstance(argument, ast.Call) and _is_of_two(code, argument)
        text = _comparison(code, argument, taken) if nested else code.closed(argument)  # type: ignore[arg-type]
        if text is None:
            return None
        if isinstance(argument, ast.Constant) or dotted(argument) == text:
            tests.append(text)
            values.append(text)
            continue
        if code.parents[code.statement(call)] is code.module or _in_brackets_of_its_own(code, call):
            return None
        name = _untaken(code, taken)
        tests.append(f"({name} := {text})")
        values.append(name)
    sign = "<" if dotted(call.func) == "min" else ">"
    return f"({values[0]} if {tests[0]} {sign} {tests[1]} else {values[1]})"


def _untaken(code: Code, taken: set[str]) -> str:
    name, n = code.fresh("value"), 1
    while name in taken:
        n += 1
        name = code.fresh(f"value_{n}")
    taken.add(name)
    return name


def _in_brackets_of_its_own(code: Code, node: ast.AST) -> bool:
    """Inside a comprehension or a lambda a name cannot be given everywhere."""
    at = node
    while not isinstance(at, ast.stmt):
        at = code.parents[at]
        if isinstance(
            at, ast.comprehension | ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
        ):
            return True
    return False


# -- answers remembered --------------------------------------------------------------------------


def remember(code: Code) -> Iterator[Site]:
    """A function of the module that only computes keeps its answers."""
    for function in code.functions:
        plain = isinstance(code.parents[function], ast.Module) and isinstance(function, ast.FunctionDef)
        if plain and function.args.args and not function.decorator_list and _only_computes(code, function):
            yield Site(code.source, code.start(function), partial(_remembered, code, function))


def _only_computes(code: Code, function: FunctionNode) -> bool:
    own = {a.arg for a in ast.walk(function.args) if isinstance(a, ast.arg)}
    for node in (n for s in function.body for n in ast.walk(s)):
        if isinstance(node, ast.Global | ast.Nonlocal | ast.Yield | ast.YieldFrom | ast.Await):
            return False
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            return False
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in _IMPURE:
            return False
    region = Region(code, function.body)
    return all(region.keeps_content(ast.Name(name, ast.Load())) for name in own - region.stored)


def _remembered(code: Code, function: FunctionNode, rng: np.random.Generator) -> Edit | None:
    before = code.before(function, [f"@lru_cache(maxsize={_KEPT})"])
    if before is None:
        return None
    splices = [before]
    if "lru_cache" not in code.top_names:
        heads = [s for s in code.module.body if not _comes_first(s)]
        top = code.before(heads[0], ["from functools import lru_cache"])
        if top is None:
            return None
        splices = [top, before] if heads[0] is not function else [_both(top, before)]
    return Edit(f"makes {function.name} remember its answers", tuple(splices))


def _both(one: Splice, two: Splice) -> Splice:
    return Splice(one.path, one.start, one.end, one.text + two.text)


def _comes_first(statement: ast.stmt) -> bool:
    """Docstrings and `from __future__` stand before every import."""
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
