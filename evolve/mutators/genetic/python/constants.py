"""Constants that are made once, at the top of the module, instead of at every use."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from evolve.mutators.genetic.edits import Edit, Site, quote
from evolve.mutators.genetic.python.code import Code, dotted, walk

__all__ = ["constant", "membership", "pattern"]

_MAKERS = ("re.compile", "frozenset", "set", "dict", "tuple", "list", "str.maketrans")
_READING = ("get", "keys", "values", "items", "index", "count", "match", "search", "fullmatch", "sub", "split")
_READING_MORE = ("finditer", "findall", "issuperset", "union", "intersection", "join", "startswith")
_SEARCHES = ("match", "search", "fullmatch", "split", "findall", "finditer", "sub")


def constant(code: Code) -> Iterator[Site]:
    """A container or pattern made of constants, used in place and never changed, moves to the top of the module."""
    for function in code.functions:
        for node in walk(function.body):
            if isinstance(node, ast.expr) and _is_made_of_constants(code, node) and _is_only_read(code, node):
                yield Site(code.source, code.start(node), partial(_at_the_top, code, node, code.text(node)))


def _is_made_of_constants(code: Code, node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        made = dotted(node.func) in _MAKERS and node.args and not node.keywords
        return bool(made) and all(
            _is_literal(arg) or dotted(arg) in ("re.I", "re.S", "re.M", "re.X") for arg in node.args
        )
    return isinstance(node, ast.Dict | ast.Set | ast.List) and bool(ast.unparse(node)[1:-1]) and _is_literal(node)


def _is_literal(node: ast.expr) -> bool:
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return all(_is_literal(e) for e in node.elts)
    if isinstance(node, ast.Dict):
        return all(key is not None and _is_literal(key) for key in node.keys) and all(map(_is_literal, node.values))
    return isinstance(node, ast.Constant) or (isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant))


def _is_only_read(code: Code, node: ast.expr) -> bool:
    """Used where it stands: looked up in, searched, or gone over."""
    user = code.parents[node]
    if isinstance(user, ast.Attribute):
        return user.attr in (*_READING, *_READING_MORE)
    if isinstance(user, ast.Subscript):
        return user.value is node and isinstance(user.ctx, ast.Load)
    if isinstance(user, ast.Compare):
        # Sets and lists of constants are made once there by Python itself.
        made = isinstance(node, ast.Call | ast.Dict | ast.Name)
        return made and isinstance(user.ops[-1], ast.In | ast.NotIn) and user.comparators[-1] is node
    if isinstance(user, ast.Assign):
        return _is_read_as(code, user)
    return isinstance(user, ast.For | ast.comprehension) and user.iter is node and not isinstance(node, ast.List)


def _is_read_as(code: Code, made: ast.Assign) -> bool:
    """A local name for it that is bound once, and read in the same harmless ways."""
    function = code.function(made)
    if function is None or len(made.targets) != 1 or not isinstance(made.targets[0], ast.Name):
        return False
    uses = [n for n in ast.walk(function) if isinstance(n, ast.Name) and n.id == made.targets[0].id]
    reads = [n for n in uses if isinstance(n.ctx, ast.Load)]
    return len(uses) == len(reads) + 1 and all(
        not isinstance(code.parents[n], ast.Assign) and _is_only_read(code, n) for n in reads
    )


def _at_the_top(code: Code, node: ast.expr, text: str, rng: np.random.Generator) -> Edit | None:
    name = code.fresh("_CONSTANT" if not text.startswith("re.") else "_PATTERN")
    before = code.before(code.top(node), [f"{name} = {text}"])
    return None if before is None else Edit(f"makes {quote(text)} once", (before, code.put(node, name)))


def pattern(code: Code) -> Iterator[Site]:
    """`re.match("…", text)` compiles, or looks up, its pattern at every call; one compiled at the top doesn't."""
    for function in code.functions:
        for node in walk(function.body):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _searches(node, node.func):
                yield Site(code.source, code.start(node), partial(_compiled, code, node, node.func))


def _searches(node: ast.Call, function: ast.Attribute) -> bool:
    known = dotted(function.value) == "re" and function.attr in _SEARCHES and not node.keywords
    wanted = 3 if function.attr == "sub" else 2
    return known and len(node.args) == wanted and isinstance(node.args[0], ast.Constant)


def _compiled(code: Code, node: ast.Call, function: ast.Attribute, rng: np.random.Generator) -> Edit | None:
    name = code.fresh("_PATTERN")
    text = code.text(node.args[0])
    before = code.before(code.top(node), [f"{name} = re.compile({text})"])
    if before is None or "\n" in text:
        return None
    rest = ", ".join(code.text(arg) for arg in node.args[1:])
    return Edit(f"compiles {quote(text)} once", (before, code.put(node, f"{name}.{function.attr}({rest})")))


def membership(code: Code) -> Iterator[Site]:
    """`x in [1, 2]`, and `x == 1 or x == 2`, as `x in {1, 2}`: Python makes a frozen set of it, once."""
    for node in walk([code.module]):
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.In | ast.NotIn):
            among = node.comparators[0]
            if isinstance(among, ast.List | ast.Tuple) and len(among.elts) > 1 and _all_hashable(among.elts):
                texts = [code.text(e) for e in among.elts]
                yield Site(code.source, code.start(node), partial(_in_set, code, among, "", texts))
        elif isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
            subjects, values = _equalities(code, node.values)
            if len(subjects) == 1:
                yield Site(code.source, code.start(node), partial(_in_set, code, node, f"{subjects.pop()} in ", values))


def _all_hashable(nodes: Sequence[ast.expr]) -> bool:
    return all(isinstance(e, ast.Constant) for e in nodes)


def _equalities(code: Code, tests: Sequence[ast.expr]) -> tuple[set[str], list[str]]:
    """The subjects of `x == constant`; none where a test is another."""
    subjects, values = set(), []
    for test in tests:
        if not (isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq)):
            return set(), []
        if dotted(test.left) is None or not isinstance(test.comparators[0], ast.Constant):
            return set(), []
        subjects.add(code.text(test.left))
        values.append(code.text(test.comparators[0]))
    return subjects, values


def _in_set(code: Code, node: ast.expr, head: str, values: Sequence[str], rng: np.random.Generator) -> Edit:
    text = f"{head}{{{', '.join(values)}}}"
    return Edit(f"makes {quote(code.text(node))} to {quote(text)}", (code.put(node, text),))
