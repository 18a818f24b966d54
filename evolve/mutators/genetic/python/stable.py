"""What keeps its value through a piece of code, as far as one file can tell."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import cached_property

from evolve.mutators.genetic.python.code import Code, stores

__all__ = ["PURE", "Region"]

PURE = frozenset(["abs", "bool", "chr", "float", "int", "isinstance", "len", "max", "min", "ord", "round", "str"])
# What only reads its arguments, though it makes a new object each time, so that it cannot be shared.
_READING = PURE | frozenset(
    ["all", "any", "dict", "enumerate", "filter", "frozenset", "hash", "list", "map", "print", "range", "repr"]
) | frozenset(["reversed", "set", "sorted", "sum", "tuple", "zip"])  # fmt: skip
_GROWING = ["add", "append", "appendleft", "extend", "insert", "setdefault", "update", "write"]
_SHRINKING = ["clear", "discard", "pop", "popitem", "popleft", "remove"]
_ASKING = frozenset(["append", "endswith", "extend", "find", "get", "index", "join", "match", "search", "startswith"])
_MUTATING = frozenset([*_GROWING, *_SHRINKING, "reverse", "sort"])


class Region:
    """Statements and expressions that run together: the body of a loop, of a function, a few lines."""

    def __init__(self, code: Code, nodes: Sequence[ast.AST]) -> None:
        self._code = code
        self._nodes = [inner for node in nodes for inner in ast.walk(node)]
        self.stored = stores(nodes)

    @cached_property
    def _calls(self) -> bool:
        """Does it call anything of this file, or handed in, that could set an object's attributes?"""
        return any(isinstance(n, ast.Call) and not self._only_reads(n.func) for n in self._nodes)

    def _only_reads(self, function: ast.expr) -> bool:
        if isinstance(function, ast.Attribute):
            return function.attr not in self._code.function_names
        return isinstance(function, ast.Name) and function.id in _READING and self._is_builtin(function.id)

    @cached_property
    def _attributes(self) -> set[str]:
        return {n.attr for n in self._nodes if isinstance(n, ast.Attribute) and not isinstance(n.ctx, ast.Load)}

    @cached_property
    def _changed(self) -> set[str]:
        """Containers, by their text, of which something is set, deleted, or changed by a method."""
        found = {
            ast.unparse(n.value)
            for n in self._nodes
            if isinstance(n, ast.Subscript) and not isinstance(n.ctx, ast.Load)
        }
        for node in self._nodes:
            if isinstance(node, ast.Attribute) and node.attr in _MUTATING:
                found.add(ast.unparse(node.value))
            if isinstance(node, ast.Call):
                found |= self._changed_by(node)
        return found

    def _changed_by(self, call: ast.Call) -> set[str]:
        """What a call is handed, where it is not known only to read it."""
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)
        if name in _READING or name in _ASKING:
            return set()
        handed = [*call.args, *(keyword.value for keyword in call.keywords)]
        safe = self._code.parameters_read(name)
        unsure = handed if safe is None else [a for i, a in enumerate(handed) if i not in safe]
        return {ast.unparse(a) for a in unsure if isinstance(a, ast.Name | ast.Attribute)}

    def keeps(self, node: ast.expr) -> bool:
        """Has the expression the same value wherever the region evaluates it, and no effect?"""
        if isinstance(node, ast.Constant):
            return True
        if isinstance(node, ast.Name):
            return node.id not in self.stored
        if isinstance(node, ast.Attribute):
            return self.keeps(node.value) and self._keeps_attribute(node.attr)
        if isinstance(node, ast.UnaryOp):
            return self.keeps(node.operand)
        if isinstance(node, ast.BinOp):
            return self.keeps(node.left) and self.keeps(node.right)
        if isinstance(node, ast.Subscript):
            return self.keeps_content(node.value) and self.keeps(node.slice)
        if isinstance(node, ast.Call) and self.is_pure(node.func) and not node.keywords:
            # What a pure function reads is content: the length of a list that grows is another.
            return all(self.keeps_content(arg) for arg in node.args)
        return False

    def keeps_content(self, node: ast.expr) -> bool:
        """Is it the same object, with the same in it?"""
        return self.keeps(node) and ast.unparse(node) not in self._changed

    def _keeps_attribute(self, name: str) -> bool:
        if name in self._attributes or name in self._code.properties:
            return False
        return not (self._calls and name in self._code.attributes_set)

    def _is_builtin(self, name: str) -> bool:
        return name not in self._code.top_names | self.stored

    def is_pure(self, function: ast.expr) -> bool:
        if isinstance(function, ast.Name):
            return function.id in PURE and self._is_builtin(function.id)
        return (
            isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "math"
        )
