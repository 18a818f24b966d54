"""What the edits need to know of a language. Another one is one line of the table, and its grammar installed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import PurePosixPath

import tree_sitter

from evolve.errors import UsageError

__all__ = ["GROUPS", "LANGUAGES", "Language", "language_of", "parse", "require_grammars"]


@dataclass(frozen=True)
class Language:
    """Names of node types are as the grammar spells them, several in one string with blanks between."""

    grammar: str  # the module that carries the grammar
    numbers: str  # literals
    functions: str  # nodes with the fields `name` and `body`
    blocks: str  # nodes whose named children are statements
    operations: str  # nodes that hold an operator
    comment: str  # what starts one that ends with its line
    empty: str = ""  # what stands for a block without statements
    also: str = ";"  # what parts two statements on one line


LANGUAGES = {
    ".py": Language(
        "tree_sitter_python", "integer float", "function_definition", "block module",
        "binary_operator comparison_operator boolean_operator augmented_assignment", "#", "pass",
    ),
    ".rs": Language(
        "tree_sitter_rust", "integer_literal float_literal", "function_item", "block",
        "binary_expression compound_assignment_expr", "//", also="",
    ),
    ".rb": Language(
        "tree_sitter_ruby", "integer float", "method singleton_method",
        "program body_statement then else do block_body", "binary operator_assignment", "#",
    ),
}  # fmt: skip

# Which operators may stand for which: those of one group take and give values of the same types. A convention of
# mutation testing; `==` stays away from `<`, which not every type has.
GROUPS = (
    ("+", "-", "*", "/", "%"),
    ("//", "/"),
    ("<", "<=", ">", ">="),
    ("==", "!="),
    ("===", "!=="),
    ("is", "is not"),
    ("in", "not in"),
    ("and", "or"),
    ("&&", "||"),
    ("&", "|", "^"),
    ("<<", ">>"),
    ("+=", "-=", "*=", "/="),
    ("&=", "|=", "^="),
    ("<<=", ">>="),
)


def language_of(path: str) -> Language | None:
    """By the file's extension; None for a file that is left alone."""
    return LANGUAGES.get(PurePosixPath(path).suffix)


def require_grammars(mutator: str = "genetic") -> None:
    """Raises UsageError, with the install line, where one is missing: before a run, not in the middle of it."""
    for language in LANGUAGES.values():
        try:
            _grammar(language.grammar)
        except ModuleNotFoundError as error:
            raise UsageError(
                f"mutator.name={mutator} needs the package {error.name!r}, which is not installed. "
                "Install it: pip install -e '.[code]'."
            ) from error


def parse(language: Language, data: bytes) -> tree_sitter.Tree:
    """A parser has state and belongs to one thread, so every call makes its own (about a microsecond)."""
    return tree_sitter.Parser(_grammar(language.grammar)).parse(data)


@cache
def _grammar(module: str) -> tree_sitter.Language:
    return tree_sitter.Language(import_module(module).language())
