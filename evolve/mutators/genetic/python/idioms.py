"""Small expressions with a cheaper form, copies that nobody may need, and classes with slots."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from evolve.mutators.genetic.edits import Edit, Site, quote
from evolve.mutators.genetic.python.code import Code, dotted, same, walk

__all__ = ["idiom", "slots", "uncopied"]


# -- one expression for another ------------------------------------------------------------------


def idiom(code: Code) -> Iterator[Site]:
    for node in walk([code.module]):
        for form in _FORMS:
            text = form(code, node)
            if text is not None:
                yield Site(code.source, code.start(node), partial(_written, code, node, text))


def _written(code: Code, node: ast.AST, text: str, rng: np.random.Generator) -> Edit:
    return Edit(f"writes {quote(code.text(node))} as {quote(text)}", (code.put(node, text),))


def _square(code: Code, node: ast.AST) -> str | None:
    """x ** 2 -> x * x; x ** 0.5 -> a square root."""
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and isinstance(node.right, ast.Constant)):
        return None
    if node.right.value == 0.5 and "math" in code.top_names:
        return f"math.sqrt({code.text(node.left)})"
    return f"({code.text(node.left)} * {code.text(node.left)})" if node.right.value == 2 and dotted(node.left) else None


def _keys(code: Code, node: ast.AST) -> str | None:
    """for k in d.keys() -> for k in d; k in d.keys() -> k in d."""
    call = (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "keys"
        and not node.args
    )
    user = code.parents[node] if call else None
    asked = (
        isinstance(user, ast.Compare) and isinstance(user.ops[-1], ast.In | ast.NotIn) and user.comparators[-1] is node
    )
    gone_over = isinstance(user, ast.For | ast.comprehension) and user.iter is node
    return code.text(node.func.value) if asked or gone_over else None  # type: ignore[attr-defined]


def _starts(code: Code, node: ast.AST) -> str | None:
    """t[i:].startswith(p), and t[i : i + len(p)] == p  ->  t.startswith(p, i)."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "startswith":
        piece = node.func.value
        rest = _tail(piece) if len(node.args) == 1 else None
        return (
            None
            if rest is None
            else f"{code.text(rest[0])}.startswith({code.text(node.args[0])}, {code.text(rest[1])})"
        )
    if not (isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq)):
        return None
    piece, wanted = node.left, node.comparators[0]
    if not (isinstance(piece, ast.Subscript) and isinstance(piece.slice, ast.Slice) and piece.slice.step is None):
        return None
    low, high = piece.slice.lower, piece.slice.upper
    if low is None or not isinstance(high, ast.BinOp) or not isinstance(high.op, ast.Add) or not same(high.left, low):
        return None
    length = code.text(high.right)
    known = isinstance(wanted, ast.Constant) and isinstance(wanted.value, str) and length == str(len(wanted.value))
    if not known and length != f"len({code.text(wanted)})":
        return None
    return f"{code.text(piece.value)}.startswith({code.text(wanted)}, {code.text(low)})"


def _tail(node: ast.AST) -> tuple[ast.expr, ast.expr] | None:
    """t and i of t[i:]."""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice) and isinstance(node.ctx, ast.Load):
        piece = node.slice
        if piece.lower is not None and piece.upper is None and piece.step is None:
            return node.value, piece.lower
    return None


def _matched(code: Code, node: ast.AST) -> str | None:
    """pattern.match(t[i:]) -> pattern.match(t, i), where no one asks for the match's place."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and len(node.args) == 1):
        return None
    rest = _tail(node.args[0])
    asked = {"start", "end", "span", "string", "pos"} & code.attributes_read
    if (
        rest is None
        or asked
        or node.func.attr not in ("match", "search", "fullmatch")
        or dotted(node.func.value) == "re"
    ):
        return None
    return f"{code.text(node.func)}({code.text(rest[0])}, {code.text(rest[1])})"


def _joined_list(code: Code, node: ast.AST) -> str | None:
    """ "".join(x for …) -> "".join([x for …]): it makes a list of it anyway."""
    if isinstance(node, ast.GeneratorExp):
        call = code.parents[node]
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "join":
            return f"([{code.text(node)[1:-1]}])"
    return None


def _several(code: Code, node: ast.AST) -> str | None:
    """isinstance(x, A) or isinstance(x, B) -> isinstance(x, (A, B)); startswith and endswith too."""
    if not (isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or)):
        return None
    calls = [v for v in node.values if isinstance(v, ast.Call) and not v.keywords]
    if len(calls) != len(node.values):
        return None
    last = [c.args[-1] if c.args else None for c in calls]
    heads = {(code.text(c.func), tuple(code.text(a) for a in c.args[:-1])) for c in calls}
    if len(heads) > 1 or any(a is None or (dotted(a) is None and not isinstance(a, ast.Constant)) for a in last):
        return None
    function, first = heads.pop()
    several = f"({', '.join(code.text(a) for a in last if a is not None)})"
    if function == "isinstance" and len(first) == 1:
        return f"isinstance({first[0]}, {several})"
    return f"{function}({several})" if function.endswith((".startswith", ".endswith")) and not first else None


def _literal(code: Code, node: ast.AST) -> str | None:
    """list() -> [], dict() -> {}, set([…]) -> {…}."""
    if not isinstance(node, ast.Call) or node.keywords or dotted(node.func) in code.top_names:
        return None
    if not node.args:
        return {"list": "[]", "dict": "{}", "tuple": "()"}.get(dotted(node.func) or "")
    one = node.args[0]
    if dotted(node.func) == "set" and len(node.args) == 1 and isinstance(one, ast.List | ast.Tuple) and one.elts:
        return f"{{{', '.join(code.text(e) for e in one.elts)}}}"
    return None


def _between(code: Code, node: ast.AST) -> str | None:
    """a <= x and x <= b  ->  a <= x <= b."""
    if not (isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And) and len(node.values) == 2):
        return None
    one, two = node.values
    if not (isinstance(one, ast.Compare) and isinstance(two, ast.Compare)):
        return None
    meet = isinstance(two.left, ast.Name) and same(one.comparators[-1], two.left)
    return code.text(one) + code.source.slice(code.end(two.left), code.end(two)) if meet else None


def _one_more(code: Code, node: ast.AST) -> str | None:
    """x += [y] -> x.append(y)."""
    if not (isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add) and dotted(node.target)):
        return None
    added = node.value.elts if isinstance(node.value, ast.List) else []
    if len(added) != 1 or isinstance(added[0], ast.Starred):
        return None
    return f"{code.text(node.target)}.append({code.text(added[0])})"


_FORMS: tuple[Callable[[Code, ast.AST], str | None], ...] = (
    _square, _keys, _starts, _matched, _joined_list, _several, _literal, _between, _one_more,
)  # fmt: skip


# -- copies --------------------------------------------------------------------------------------


def uncopied(code: Code) -> Iterator[Site]:
    """A copy is left out: `list(x)`, `x[:]`, `x.copy()`, `copy.deepcopy(x)`. Somebody may need it: the trial says."""
    for node in walk([code.module]):
        inner = _copied(node)
        if inner is not None and isinstance(node, ast.expr):
            yield Site(code.source, code.start(node), partial(_itself, code, node, code.closed(inner)))


def _itself(code: Code, node: ast.expr, text: str, rng: np.random.Generator) -> Edit:
    return Edit(f"takes {quote(text)} itself, not {quote(code.text(node))}", (code.put(node, text),))


def _copied(node: ast.AST) -> ast.expr | None:
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice) and isinstance(node.ctx, ast.Load):
        piece = node.slice
        return node.value if piece.lower is piece.upper is piece.step is None else None
    if not isinstance(node, ast.Call) or node.keywords:
        return None
    known = ("list", "dict", "tuple", "set", "str", "int", "float", "copy.copy", "copy.deepcopy", "deepcopy")
    if dotted(node.func) in known and len(node.args) == 1 and not isinstance(node.args[0], ast.Starred):
        return node.args[0]
    if isinstance(node.func, ast.Attribute) and not node.args and node.func.attr in ("copy", "keys", "strip"):
        return node.func.value
    return None


# -- slots ---------------------------------------------------------------------------------------


def slots(code: Code) -> Iterator[Site]:
    """A class without bases whose objects have the attributes that its methods set, and no dictionary."""
    unusual = {"__dict__", "setattr", "vars", "__slots__"} & set(code.words)
    for node in ast.walk(code.module):
        if isinstance(node, ast.ClassDef) and not unusual and not (node.bases or node.keywords or node.decorator_list):
            names = _attributes(node)
            if names:
                yield Site(code.source, code.start(node), partial(_slotted, code, node, names))


def _attributes(node: ast.ClassDef) -> list[str]:
    """What methods set on `self`; none where the class has one of the names itself."""
    found: dict[str, None] = {}
    for method in (s for s in node.body if isinstance(s, ast.FunctionDef) and s.args.args):
        own = method.args.args[0].arg
        for n in ast.walk(method):
            if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store) and dotted(n.value) == own:
                found[n.attr] = None
    taken = {t.id for s in node.body if isinstance(s, ast.Assign) for t in s.targets if isinstance(t, ast.Name)}
    taken |= {s.target.id for s in node.body if isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name)}
    taken |= {s.name for s in node.body if isinstance(s, ast.FunctionDef | ast.ClassDef)}
    return [] if taken & set(found) else list(found)


def _slotted(code: Code, node: ast.ClassDef, names: list[str], rng: np.random.Generator) -> Edit | None:
    body = [s for s in node.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
    listed = ", ".join(f'"{name}"' for name in names)
    before = code.before(body[0], [f"__slots__ = ({listed},)"]) if body else None
    return None if before is None else Edit(f"gives {node.name} slots for {len(names)} attributes", (before,))
