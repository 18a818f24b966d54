"""Genome: an immutable set of text files. Its identity is its git tree id."""

from __future__ import annotations

import ast
import json
import re
import threading
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from evolve.ledger.objects import trees

__all__ = ["ANYTHING", "Genome", "Globs", "foreign_imports", "parsed", "unreadable"]

_PARSING = threading.Lock()


class Genome(Mapping[str, str]):
    """Path -> text, frozen. Equal text is equal genome: `digest` is the git tree id of the files.

    Raises UsageError for a path that git or a file system could misread (absolute, `..`, `.git`, NUL).
    """

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = {path: files[path] for path in sorted(files)}
        self.digest: str = trees(self._files)[0]

    def __getitem__(self, path: str) -> str:
        return self._files[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Genome) and other.digest == self.digest

    def __repr__(self) -> str:
        return f"Genome({self.digest[:10]}: {', '.join(self._files)})"

    @cached_property
    def size(self) -> int:
        """Characters of text, over all files."""
        return sum(map(len, self._files.values()))


@dataclass(frozen=True)
class Globs:
    """Which paths may be edited: any of `include` matches and none of `exclude` does.

    As in .gitignore: `*` and `?` stay within a folder's name, `**` is any number of folders, also none; a glob without
    a slash is of names in any folder, and one that names a folder is of all that is below it.
    """

    include: tuple[str, ...] = ("**",)
    exclude: tuple[str, ...] = ()

    def __contains__(self, path: str) -> bool:
        return any(_matches(g, path) for g in self.include) and not any(_matches(g, path) for g in self.exclude)

    def of(self, genome: Mapping[str, str]) -> tuple[str, ...]:
        """The genome's paths that may be edited."""
        return tuple(path for path in genome if path in self)

    def broken_by(self, parent: Mapping[str, str], child: Mapping[str, str]) -> str | None:
        """The first path that differs and may not, or None."""
        changed = (path for path in sorted({*parent, *child}) if parent.get(path) != child.get(path))
        return next((path for path in changed if path not in self), None)


ANYTHING = Globs()


def _matches(glob: str, path: str) -> bool:
    return _pattern(glob).fullmatch(path) is not None


@lru_cache(maxsize=1024)
def _pattern(glob: str) -> re.Pattern[str]:
    plain = glob.removeprefix("./")
    anchored = plain if "/" in plain.rstrip("/") or plain == "**" else f"**/{plain}"
    text = re.escape(anchored.removeprefix("/").rstrip("/"))
    for escaped, pattern in ((r"\*\*/", "(?:.+/)?"), (r"\*\*", ".*"), (r"\*", "[^/]*"), (r"\?", "[^/]")):
        text = text.replace(escaped, pattern)
    return re.compile(rf"{text}(?:/.*)?")


def parsed(text: str | bytes) -> ast.Module:
    """`ast.parse`, one thread at a time: before 3.11.8 and 3.12.1 two at once could raise SystemError (python/cpython
    issue 106905). Raises SyntaxError, ValueError, RecursionError, MemoryError."""
    with _PARSING:
        return ast.parse(text)


def unreadable(path: str, text: str) -> str | None:
    """Why a Python, JSON or TOML file cannot be parsed, in one clause; None where it can, and for any other file.

    Nothing of it runs. It never raises: what is too deep or too large for a parser is unreadable too.
    """
    try:
        if path.endswith(".py"):
            parsed(text.encode())
        elif path.endswith(".json"):
            json.loads(text)
        elif path.endswith(".toml"):
            tomllib.loads(text)
    except SyntaxError as error:
        return f"{path}{f', line {error.lineno}' if error.lineno else ''}: {error.msg}"
    except ValueError as error:  # of JSON, TOML, text that is none, a NUL
        return f"{path}: {error}"
    except (RecursionError, MemoryError):
        return f"{path}: nested too deeply to be parsed"
    return None


def foreign_imports(genome: Genome) -> Iterator[tuple[str, int, str]]:
    """(path, line, dotted name) of each import in its Python files that none of its own files answers."""
    own = {name.partition("/")[0].removesuffix(".py") for name in genome}
    for path, text in genome.items():
        if not path.endswith(".py") or unreadable(path, text) is not None:
            continue
        for node in ast.walk(parsed(text.encode())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            else:
                continue
            yield from ((path, node.lineno, name) for name in names if name.partition(".")[0] not in own)
