"""The constants of a genome, set from outside: `NAME = literal` at the top level of its text."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from trainer.errors import BadInput

__all__ = ["Constant", "constants", "with_constants"]

Constant: TypeAlias = int | float | bool | str

_KINDS: dict[type, str] = {
    bool: "True or False",
    int: "a whole number",
    float: "a finite number",
    str: "a text in quotes",
}


def constants(text: str) -> dict[str, Constant]:
    """All that can be set, with their values. Raises BadInput where the text is no Python."""
    return {name: value for name, value, _ in _assigned(text)}


def with_constants(text: str, values: Mapping[str, Constant]) -> str:
    """The text with these values as literals; all other bytes, comments too, stay as they are. A name that is assigned
    twice gets the value twice.

    Raises BadInput for a name that isn't there and for a value of another kind; a whole number will do for a float.
    """
    assigned = list(_assigned(text))
    there = {name: value for name, value, _ in assigned}
    new = {name: _literal(name, there, value) for name, value in values.items()}
    data = text.encode()
    for name, _, (start, end) in sorted(assigned, key=lambda one: one[2], reverse=True):
        if name in new:
            data = data[:start] + new[name].encode() + data[end:]
    return data.decode()


def _literal(name: str, there: Mapping[str, Constant], value: Constant) -> str:
    if name not in there:
        names = ", ".join(there) or "none"
        raise BadInput(f"the genome has no constant {name}, which would be a line `{name} = …`; there are: {names}")
    kind = type(there[name])
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind or (isinstance(value, float) and not math.isfinite(value)):
        raise BadInput(f"{name}={value!r}: the genome has {name} = {there[name]!r}, so give {_KINDS[kind]}")
    return repr(value)


def _assigned(text: str) -> Iterator[tuple[str, Constant, tuple[int, int]]]:
    """Names, values and the places of their literals (first byte, byte behind the last), in the order of the text."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        raise BadInput(f"the genome is no Python: {error}") from None
    except (RecursionError, MemoryError):  # ten thousand signs before a number
        raise BadInput("the genome is no Python that can be read: it is nested too deeply") from None
    begins = _line_begins(text.encode())
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=literal):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as literal):
                pass
            case _:
                continue
        value = _value(literal)
        if value is None or literal.end_lineno is None or literal.end_col_offset is None:
            continue
        start = begins[literal.lineno - 1] + literal.col_offset
        yield name, value, (start, begins[literal.end_lineno - 1] + literal.end_col_offset)


def _value(node: ast.expr) -> Constant | None:
    """Of a literal, with the sign before it; None where it is no constant that can be set."""
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)) if not isinstance(
            number, bool
        ):
            return -number
        case ast.Constant(value=bool() | int() | float() | str() as value):
            return value
    return None


def _line_begins(data: bytes) -> list[int]:
    """Where Python's lines begin: after \\n, \\r or \\r\\n."""
    begins, at = [0], 0
    while at < len(data):
        if data[at : at + 2] == b"\r\n":
            at += 1
        if data[at] in b"\r\n":
            begins.append(at + 1)
        at += 1
    return begins
